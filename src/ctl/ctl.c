// SPDX-License-Identifier: BSD-2-Clause
/* The control socket.
 *
 * One command a connection.  A client that is slow to ask or to read has CLIENT_TIME and costs
 * nobody else anything; only root and lbd's own user are answered.
 *
 * An answer is made and sent in parts, the next when the one before was read: the JSON of thousands
 * of servers takes longer than VRRP can wait.  A service that a reload moves in between may be
 * missing in it, or stand there twice. */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/proto.h"
#include "ctl/show.h"
#include "lib/list.h"
#include "lib/log.h"

#define CLIENTS_MAX 32
#define CLIENT_TIME SEC(5)
#define TURN	    MSEC(2)

struct client {
	struct list node;
	struct ctl *ctl;
	struct loop_io io;
	struct loop_timer deadline;
	int fd;
	char line[CTL_COMMAND_MAX];
	size_t n_line;
	const struct command *command; /* NULL until the line is whole */
	unsigned part;		       /* the next to be made */
	bool last;		       /* there are no more */
	struct str text;	       /* the part that is being sent */
	size_t sent;
};

struct ctl {
	struct loop *loop;
	struct director *director;
	struct sockaddr_un path;
	int fd;
	struct loop_io io;
	struct list clients;
	unsigned n_clients;
	usec_t started;
};

/* ---- Commands ---- */

struct command {
	const char *name;
	json_t *(*part)(struct client *k, unsigned n); /* the n-th; NULL: there are no more */
	bool list;				       /* parts are the elements of an array */
};

static json_t *do_status(struct client *k, unsigned n)
{
	struct ctl *c = k->ctl;

	return n ? NULL : show_status(c->director, c->started, loop_take_longest_turn(c->loop));
}

static json_t *do_services(struct client *k, unsigned n)
{
	return show_service(k->ctl->director, n);
}

static json_t *do_interfaces(struct client *k, unsigned n)
{
	return show_interface(k->ctl->director, n);
}

static json_t *do_cpus(struct client *k, unsigned n)
{
	return show_cpu(k->ctl->director, n);
}

static json_t *do_vrrp(struct client *k, unsigned n)
{
	return show_instance(k->ctl->director, n);
}

static json_t *do_unknown(struct client *k, unsigned n)
{
	char quoted[64];

	str_quote(k->line, strlen(k->line), quoted, sizeof(quoted));
	return n ? NULL : json_pack("{s:s+}", "error", "unknown command: ", quoted);
}

static const struct command commands[] = {
#define X(name, list, help) { #name, do_##name, list },
	CTL_COMMANDS(X)
#undef X
};

static const struct command unknown = { "", do_unknown, false };

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return &unknown;
}

/* ---- Clients ---- */

static void client_free(struct client *k)
{
	loop_timer_stop(&k->deadline);
	loop_io_stop(&k->io);
	close(k->fd);
	list_del(&k->node);
	k->ctl->n_clients--;
	str_free(&k->text);
	free(k);
}

static void on_deadline(struct loop_timer *t, usec_t)
{
	client_free(container_of(t, struct client, deadline));
}

/* Puts the value, if any, into the text and lets go of it. */
static void add_json(struct client *k, json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9));

	if (text)
		str_add(&k->text, text, strlen(text));
	free(text);
	json_decref(value);
}

/* False: all was sent. */
static bool make_part(struct client *k)
{
	json_t *value;

	if (k->last)
		return false;
	k->text.len = k->sent = 0;
	value = k->command->part(k, k->part);
	k->last = !value;
	if (k->command->list)
		str_addf(&k->text, "%s%s", k->part ? "" : "[", value && k->part ? ",\n" : "");
	add_json(k, value);
	if (k->command->list && !value)
		str_addf(&k->text, "]");
	k->part++;
	return true;
}

static int send_part(struct client *k)
{
	while (k->sent < k->text.len) {
		ssize_t n = send(k->fd, k->text.text + k->sent, k->text.len - k->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		k->sent += (size_t)n;
	}
	return 0;
}

/* Goes on when the client can read more, and others had their turn. */
static void answer(struct client *k)
{
	usec_t deadline = usec_add(loop_now(), TURN);
	int r;

	do {
		r = send_part(k);
		if (r == -EAGAIN || (!r && !usec_before(loop_now(), deadline))) {
			loop_io_watch(&k->io, k->fd, LOOP_WRITE);
			return;
		}
	} while (!r && make_part(k));
	client_free(k);
}

static void on_client(struct loop_io *io, int)
{
	struct client *k = container_of(io, struct client, io);
	char *end;
	ssize_t n;

	if (k->command) {
		answer(k);
		return;
	}
	n = recv(k->fd, k->line + k->n_line, sizeof(k->line) - 1 - k->n_line, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_free(k);
		return;
	}
	k->n_line += (size_t)n;
	end = memchr(k->line, '\n', k->n_line);
	if (end) {
		*end = '\0';
		k->command = find_command(k->line);
		answer(k);
	} else if (k->n_line == sizeof(k->line) - 1) {
		client_free(k);
	}
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void on_connection(struct loop_io *io, int)
{
	struct ctl *c = container_of(io, struct ctl, io);
	int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *k;

	if (fd < 0)
		return;
	k = c->n_clients < CLIENTS_MAX && may_ask(fd) ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		close(fd);
		return;
	}
	k->ctl = c;
	k->fd = fd;
	list_add_tail(&c->clients, &k->node);
	c->n_clients++;
	loop_io_init(&k->io, c->loop, LOOP_NORMAL, on_client);
	loop_io_watch(&k->io, fd, LOOP_READ);
	loop_timer_init(&k->deadline, c->loop, LOOP_NORMAL, on_deadline);
	loop_timer_in(&k->deadline, CLIENT_TIME);
}

/* ---- The socket ---- */

static int listen_at(struct ctl *c, const char *path)
{
	mode_t mask;
	int r;

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	c->path.sun_family = AF_UNIX;
	strncpy(c->path.sun_path, path, sizeof(c->path.sun_path) - 1);
	unlink(path); /* the lock of our name says that nobody listens there */
	mask = umask(0177);
	r = bind(c->fd, (struct sockaddr *)&c->path, sizeof(c->path)) < 0 ||
			    listen(c->fd, CLIENTS_MAX) < 0
		    ? -errno
		    : 0;
	umask(mask);
	return r;
}

int ctl_new(struct loop *loop, struct director *director, struct str *why, struct ctl **ret)
{
	const char *path = director_conf(director)->director.control;
	struct ctl *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->director = director;
	c->started = loop_now();
	list_init(&c->clients);
	r = listen_at(c, path);
	if (r) {
		str_addf(why, "cannot listen at %s: %s", path, strerror(-r));
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		return r;
	}
	loop_io_init(&c->io, loop, LOOP_NORMAL, on_connection);
	loop_io_watch(&c->io, c->fd, LOOP_READ);
	*ret = c;
	return 0;
}

void ctl_free(struct ctl *c)
{
	struct client *k, *next;

	if (!c)
		return;
	list_for_each_safe(k, next, &c->clients, node)
		client_free(k);
	loop_io_stop(&c->io);
	close(c->fd);
	unlink(c->path.sun_path);
	free(c);
}
