// SPDX-License-Identifier: BSD-2-Clause
/* The pins of the maps.
 *
 * Everything that must outlive the daemon is a pinned map, under a folder named for the layout of
 * abi.h: a binary that knows the same layout takes the maps over, with every flow; one that does
 * not starts clean.  Somebody may remove a pin by hand; inotify tells, and it is put back.
 */
#include "xmit/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "ipvs/abi.h"
#include "lib/list.h"
#include "lib/log.h"

#define BPFFS	    "/run/lbd/bpf"
#define BPFFS_MAGIC 0xcafe4a11
#define PATH_SIZE   256

struct pins {
	struct bpf_object *obj;	 /* borrowed */
	char dir[PATH_SIZE / 2]; /* BPFFS/NAME/layout-N */
	char path[PATH_SIZE];
	bool adopted;
	uint64_t repaired;
	struct loop_io inotify;
	int inotify_fd;
	uint32_t *own_ids; /* of maps: ours now, and those of older layouts found at the start */
	size_t n_own_ids;
};

const char *pins_path(struct pins *p, const char *leaf)
{
	snprintf(p->path, sizeof(p->path), "%s/%.100s", p->dir, leaf);
	return p->path;
}

static int make_folders(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int mount_bpffs(struct str *why)
{
	char path[] = BPFFS;
	struct statfs fs;
	int r = make_folders(path);

	if (r) {
		str_addf(why, "cannot make %s: %s", BPFFS, strerror(-r));
		return r;
	}
	if (!statfs(BPFFS, &fs) && (uint32_t)fs.f_type == BPFFS_MAGIC)
		return 0;
	if (!mount("lbd", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return 0;
	r = -errno;
	str_addf(
		why,
		"cannot mount a bpffs at %s: %s (CAP_SYS_ADMIN is needed once; or mount it before)",
		BPFFS, strerror(-r));
	return r;
}

void pins_note_own(struct pins *p, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info), *more;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	more = realloc(p->own_ids, (p->n_own_ids + 1) * sizeof(*more));
	if (!more)
		return;
	more[p->n_own_ids++] = info.id;
	p->own_ids = more;
}

/* Removes a layout's folder, remembering whose maps they were. */
static void remove_layout(struct pins *p, const char *dir)
{
	DIR *d = opendir(dir);
	char path[PATH_SIZE * 2];
	struct dirent *e;
	int fd;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		fd = bpf_obj_get(path);
		if (fd >= 0) {
			pins_note_own(p, fd);
			close(fd);
		}
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void remove_other_layouts(struct pins *p, const char *name)
{
	char parent[PATH_SIZE / 2], path[PATH_SIZE * 2];
	struct dirent *e;
	DIR *d;

	snprintf(parent, sizeof(parent), BPFFS "/%.64s", name);
	d = opendir(parent);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
		if (e->d_name[0] == '.' || !strcmp(path, p->dir))
			continue;
		log_warn("engine",
			 "%s is not of this lbd's layout %d: its maps are removed, flows are lost",
			 path, LBD_LAYOUT);
		remove_layout(p, path);
	}
	if (d)
		closedir(d);
}

/* Whether the pinned map at fd is what `map` would be. */
static bool same_shape(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* 1: all there and fitting; 0: none; -1: some are missing or of another shape. */
static int judge(struct pins *p, const char **ret_odd)
{
	unsigned there = 0, all = 0;
	struct bpf_map *map;
	bool fits = true;
	int fd;

	bpf_object__for_each_map(map, p->obj) {
		if (bpf_map__is_internal(map))
			continue;
		all++;
		fd = bpf_obj_get(pins_path(p, bpf_map__name(map)));
		if (fd < 0) {
			*ret_odd = bpf_map__name(map);
			continue;
		}
		there++;
		if (!same_shape(fd, map)) {
			*ret_odd = bpf_map__name(map);
			fits = false;
		}
		close(fd);
	}
	if (!there)
		return 0;
	return fits && there == all ? 1 : -1;
}

static int prepare(struct pins *p, const char *name, struct str *why)
{
	const char *odd = NULL;
	struct bpf_map *map;
	int r, state;

	r = mount_bpffs(why);
	if (r)
		return r;
	remove_other_layouts(p, name);
	state = judge(p, &odd);
	if (state < 0) {
		log_warn("engine",
			 "the maps left in %s do not fit (%s): they are removed, flows are lost",
			 p->dir, odd);
		remove_layout(p, p->dir);
	}
	p->adopted = state > 0;
	r = make_folders(p->dir);
	if (r) {
		str_addf(why, "cannot make %s: %s", p->dir, strerror(-r));
		return r;
	}
	bpf_object__for_each_map(map, p->obj) {
		if (!bpf_map__is_internal(map))
			bpf_map__set_pin_path(map, pins_path(p, bpf_map__name(map)));
	}
	return 0;
}

static void watch(struct pins *p)
{
	inotify_add_watch(p->inotify_fd, p->dir,
			  IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_UNMOUNT);
}

/* Something was deleted under our folder: whatever is missing is pinned again. */
static void on_pins(struct loop_io *io, int)
{
	struct pins *p = container_of(io, struct pins, inotify);
	char buf[4096];
	struct bpf_map *map;
	struct str why = { 0 };
	unsigned put_back = 0;

	while (read(p->inotify_fd, buf, sizeof(buf)) > 0)
		;
	if (mount_bpffs(&why) || make_folders(p->dir)) {
		log_err("engine", "pins are gone and cannot be put back: %s", str_text(&why));
		str_free(&why);
		return;
	}
	bpf_object__for_each_map(map, p->obj) {
		const char *path = pins_path(p, bpf_map__name(map));

		if (bpf_map__is_internal(map) || !access(path, F_OK))
			continue;
		if (!bpf_obj_pin(bpf_map__fd(map), path))
			put_back++;
	}
	watch(p);
	p->repaired += put_back;
	if (put_back)
		log_warn("engine", "%u pins in %s had been removed: put back", put_back, p->dir);
	str_free(&why);
}

int pins_watch(struct pins *p, struct loop *loop)
{
	p->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->inotify_fd < 0)
		return -errno;
	watch(p);
	loop_io_init(&p->inotify, loop, LOOP_NORMAL, on_pins);
	loop_io_watch(&p->inotify, p->inotify_fd, LOOP_READ);
	return 0;
}

bool pins_own_map(const struct pins *p, uint32_t map_id)
{
	size_t i;

	for (i = 0; i < p->n_own_ids; i++)
		if (p->own_ids[i] == map_id)
			return true;
	return false;
}

bool pins_adopted(const struct pins *p)
{
	return p->adopted;
}

uint64_t pins_repaired(const struct pins *p)
{
	return p->repaired;
}

const char *pins_dir(const struct pins *p)
{
	return p->dir;
}

int pins_open(const char *name, struct bpf_object *obj, struct str *why, struct pins **ret)
{
	struct pins *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->obj = obj;
	p->inotify_fd = -1;
	snprintf(p->dir, sizeof(p->dir), BPFFS "/%.64s/layout-%d", name, LBD_LAYOUT);
	r = prepare(p, name, why);
	if (r) {
		pins_close(p, false);
		return r;
	}
	*ret = p;
	return 0;
}

void pins_close(struct pins *p, bool unpin)
{
	if (!p)
		return;
	if (p->inotify_fd >= 0) {
		loop_io_stop(&p->inotify);
		close(p->inotify_fd);
	}
	if (unpin)
		remove_layout(p, p->dir);
	free(p->own_ids);
	free(p);
}
