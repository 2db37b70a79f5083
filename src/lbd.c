// SPDX-License-Identifier: BSD-2-Clause
/* lbd: options, start in order, stop in mirror order, signals. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "conf/conf.h"
#include "config.h"
#include "ctl/ctl.h"
#include "director.h"
#include "lib/list.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/str.h"
#include "rs/rs.h"

#define DEFAULT_CONF "/etc/lbd/lbd.conf"
#define RUN_DIR	     "/run/lbd"

enum {
	EXIT_CONFIG = 1, /* the configuration is wrong */
	EXIT_SYSTEM = 2, /* the machine does not let us; or the command line is wrong */
};

enum action {
	ACTION_RUN,
	ACTION_TEST,
	ACTION_PRINT,
	ACTION_RS_SCRIPT,
};

struct options {
	enum action action;
	const char *conf, *node, *name, *server;
};

/* The running daemon. */
struct lbd {
	const struct options *options;
	struct loop *loop;
	struct director *director;
	struct ctl *ctl;
	struct loop_signal terminate, interrupt, reload, broken_pipe;
	struct loop_timer watchdog;
	usec_t watchdog_every;
	int lock;

	/* A reload under way: the worker reads the file, the loop applies it. */
	struct loop_job job;
	bool reload_again;
	struct str problems;
	struct conf *next;
	int next_error;
};

static const char usage[] =
	"Usage: lbd [-c FILE] [--node NAME] [--name NAME]      run in the foreground\n"
	"       lbd -t [-c FILE] [--node NAME]                 check the configuration: exit status 0 or 1\n"
	"       lbd -T [-c FILE] [--node NAME]                 print the effective configuration\n"
	"       lbd rs-script --server ADDRESS [-c FILE] [--node NAME]\n"
	"                                                      print the script that prepares a real server\n"
	"\n"
	"  -c, --config FILE   the configuration (" DEFAULT_CONF ")\n"
	"  -t, --test          check it and say everything that is wrong with it\n"
	"  -T, --print         print it as lbd sees it, defaults and overlays resolved\n"
	"      --node NAME     which director of `nodes` this is (the one whose host is this machine)\n"
	"      --name NAME     tells several lbd on one host apart (\"lbd\")\n"
	"      --server ADDR   address of a real server\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"Signals: SIGHUP reloads the configuration; SIGTERM hands over to the peer and stops.\n"
	"Exit status: 1 the configuration is wrong, 2 the system does not allow it. See lbd(8).\n";

/* ---- Options ---- */

static int bad_usage(const char *why, const char *what)
{
	fprintf(stderr, "lbd: %s%s\nTry 'lbd --help'.\n", why, what);
	return EXIT_SYSTEM;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "print", no_argument, NULL, 'T' },
		{ "node", required_argument, NULL, 'n' },
		{ "name", required_argument, NULL, 'N' },
		{ "server", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int k;

	while ((k = getopt_long(argc, argv, "c:tTVh", longs, NULL)) != -1) {
		switch (k) {
		case 'c':
			o->conf = optarg;
			break;
		case 't':
			o->action = ACTION_TEST;
			break;
		case 'T':
			o->action = ACTION_PRINT;
			break;
		case 'n':
			o->node = optarg;
			break;
		case 'N':
			o->name = optarg;
			break;
		case 's':
			o->server = optarg;
			break;
		case 'V':
			puts("lbd " PACKAGE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'lbd --help'.\n", stderr);
			return EXIT_SYSTEM;
		}
	}
	if (optind < argc && !strcmp(argv[optind], "rs-script")) {
		o->action = ACTION_RS_SCRIPT;
		optind++;
	}
	if (optind < argc)
		return bad_usage("unexpected argument: ", argv[optind]);
	if (!*o->name ||
	    strspn(o->name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(o->name))
		return bad_usage("--name takes letters, digits, '_' and '-', not ", o->name);
	if (o->action == ACTION_RS_SCRIPT && !o->server)
		return bad_usage("rs-script needs --server ADDRESS", "");
	return -1;
}

/* ---- Actions that only look ---- */

static int load(const struct options *o, struct conf **ret)
{
	struct str problems = { 0 };
	int r = conf_load(o->conf, o->node, &problems, ret);

	fputs(str_text(&problems), stderr);
	str_free(&problems);
	return r;
}

static int test(const struct options *o)
{
	struct conf *c;

	if (load(o, &c))
		return EXIT_CONFIG;
	printf("%s: ok: %u instances, %u services%s%s\n", o->conf, c->n_vrrp, c->n_services,
	       c->node ? ", node " : "", c->node ? c->node : "");
	conf_free(c);
	return 0;
}

static int print(const struct options *o)
{
	struct str text = { 0 };
	struct conf *c;

	if (load(o, &c))
		return EXIT_CONFIG;
	conf_print(c, &text);
	fputs(str_text(&text), stdout);
	str_free(&text);
	conf_free(c);
	return 0;
}

static int rs_script_for(const struct options *o)
{
	struct str text = { 0 }, why = { 0 };
	struct addr server;
	struct conf *c;
	int r;

	if (addr_parse(o->server, &server))
		return bad_usage("--server takes an IPv4 or IPv6 address, not ", o->server);
	if (load(o, &c))
		return EXIT_CONFIG;
	r = rs_script(c, &server, &text, &why);
	if (r)
		fprintf(stderr, "lbd: %s\n", str_text(&why));
	else
		fputs(str_text(&text), stdout);
	str_free(&text);
	str_free(&why);
	conf_free(c);
	return r ? EXIT_CONFIG : 0;
}

/* ---- Before the start ---- */

static const struct {
	unsigned number;
	const char *name, *what_for;
} capabilities[] = {
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "addresses, filters, sysctls" },
	{ CAP_NET_RAW, "CAP_NET_RAW", "VRRP and ARP packets" },
	{ CAP_BPF, "CAP_BPF", "the engine's programs" },
	{ CAP_PERFMON, "CAP_PERFMON", "the engine's programs" },
};

/* 0, or -EPERM after naming everything that is missing. */
static int check_capabilities(bool engine)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int r = 0;
	size_t i;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++) {
		unsigned n = capabilities[i].number;

		if (n >= CAP_PERFMON && !engine)
			continue;
		if (data[CAP_TO_INDEX(n)].effective & CAP_TO_MASK(n))
			continue;
		log_err(NULL, "%s is missing (%s): run lbd as root, or give it this capability",
			capabilities[i].name, capabilities[i].what_for);
		r = -EPERM;
	}
	return r;
}

/* One lbd of a name at a time.  A lock, not a pid file: it cannot be stale. */
static int take_lock(const char *name)
{
	char path[128];
	int fd;

	if (mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST) {
		log_err(NULL, "cannot make %s: %s", RUN_DIR, strerror(errno));
		return -errno;
	}
	snprintf(path, sizeof(path), RUN_DIR "/%.64s.lock", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_err(NULL, "%s: %s", path, strerror(errno));
		return -errno;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	log_err(NULL, "another lbd named \"%s\" is running (it holds %s); --name tells them apart",
		name, path);
	close(fd);
	return -EBUSY;
}

/* ---- Reload ---- */

static void read_file(struct loop_job *job)
{
	struct lbd *l = container_of(job, struct lbd, job);

	l->next_error = conf_load(l->options->conf, l->options->node, &l->problems, &l->next);
}

static void count_master(void *ctx, const struct vrrp_status *s)
{
	*(unsigned *)ctx += s->state == VRRP_MASTER;
}

/* What `systemctl status` shows. */
static void tell_status(const struct lbd *l, const char *what)
{
	const struct conf *c = director_conf(l->director);
	unsigned masters = 0;

	vrrp_set_each(director_vrrp(l->director), count_master, &masters);
	sd_notifyf(0, "READY=1\nSTATUS=%s: %u of %u instances MASTER, %u services", what, masters,
		   c->n_vrrp, c->n_services);
}

static void on_change(void *ctx)
{
	tell_status(ctx, "running");
}

static void start_reload(struct lbd *l);

static void on_read(struct loop_job *job)
{
	struct lbd *l = container_of(job, struct lbd, job);
	struct str changes = { 0 };

	log_lines(l->next_error ? LEVEL_ERR : LEVEL_WARN, "config", str_text(&l->problems));
	str_free(&l->problems);
	if (l->next_error) {
		log_err("config", "reload refused, everything stays as it was");
		tell_status(l, "last reload refused");
	} else {
		conf_diff(director_conf(l->director), l->next, &changes);
		if (!changes.len)
			log_info("config", "reloaded: nothing changed");
		log_lines(LEVEL_INFO, "config", str_text(&changes));
		log_set_level(l->next->director.log_level);
		director_apply(l->director, l->next);
		l->next = NULL;
		log_info("config", "reloaded: %u instances, %u services",
			 director_conf(l->director)->n_vrrp,
			 director_conf(l->director)->n_services);
		tell_status(l, "running");
	}
	str_free(&changes);
	if (l->reload_again)
		start_reload(l);
}

/* Two requests close together become one more reading after the first. */
static void start_reload(struct lbd *l)
{
	l->reload_again = l->job.running;
	if (l->job.running)
		return;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)loop_now().us);
	if (loop_job_start(&l->job, l->loop, read_file, on_read))
		log_err("config", "cannot start the worker: reload refused");
}

/* ---- Signals and watchdog ---- */

static void on_hangup(struct loop_signal *s, int)
{
	start_reload(container_of(s, struct lbd, reload));
}

static void on_stop(struct loop_signal *s, int signum)
{
	log_info(NULL, "%s: handing over and stopping", strsignal(signum));
	sd_notify(0, "STOPPING=1\nSTATUS=handing over");
	loop_stop(s->loop);
}

static void on_broken_pipe(struct loop_signal *, int)
{
}

static void on_watchdog(struct loop_timer *t, usec_t)
{
	struct lbd *l = container_of(t, struct lbd, watchdog);

	sd_notify(0, "WATCHDOG=1");
	loop_timer_in(t, l->watchdog_every);
}

static void start_signals(struct lbd *l)
{
	uint64_t us;

	loop_signal_start(&l->terminate, l->loop, SIGTERM, on_stop);
	loop_signal_start(&l->interrupt, l->loop, SIGINT, on_stop);
	loop_signal_start(&l->reload, l->loop, SIGHUP, on_hangup);
	loop_signal_start(&l->broken_pipe, l->loop, SIGPIPE, on_broken_pipe);
	loop_timer_init(&l->watchdog, l->loop, LOOP_NORMAL, on_watchdog);
	if (sd_watchdog_enabled(0, &us) > 0) {
		l->watchdog_every = USEC(us / 3);
		loop_timer_in(&l->watchdog, USEC(0));
	}
}

static void stop_signals(struct lbd *l)
{
	loop_timer_stop(&l->watchdog);
	loop_signal_stop(&l->broken_pipe);
	loop_signal_stop(&l->reload);
	loop_signal_stop(&l->interrupt);
	loop_signal_stop(&l->terminate);
}

/* ---- Running ---- */

static int start(struct lbd *l, struct conf *c)
{
	struct str why = { 0 };
	int r;

	r = director_new(l->loop, l->options->name, c, &why, &l->director);
	if (r) {
		log_err(NULL, "cannot start: %s", str_text(&why));
		str_free(&why);
		return r;
	}
	r = ctl_new(l->loop, l->director, &why, &l->ctl);
	if (r) {
		log_err("control", "%s", str_text(&why));
		director_free(l->director);
	}
	str_free(&why);
	return r;
}

static int serve(struct lbd *l, struct conf *c)
{
	int r = start(l, c);

	if (r)
		return EXIT_SYSTEM;
	start_signals(l);
	director_on_change(l->director, on_change, l);
	log_info(NULL, "running: lbd " PACKAGE_VERSION ", router %s%s%s", c->director.router_id,
		 c->node ? ", node " : "", c->node ? c->node : "");
	tell_status(l, "running");
	loop_run(l->loop);
	director_on_change(l->director, NULL, NULL);
	stop_signals(l);
	loop_job_wait(&l->job);
	str_free(&l->problems);
	conf_free(l->next); /* read, but not applied any more */
	ctl_free(l->ctl);
	director_free(l->director);
	log_info(NULL, "stopped");
	return 0;
}

static int run(const struct options *o)
{
	struct lbd l = { .options = o, .lock = -1 };
	struct str problems = { 0 };
	struct conf *c;
	int r = EXIT_CONFIG;

	if (conf_load(o->conf, o->node, &problems, &c)) {
		log_lines(LEVEL_ERR, "config", str_text(&problems));
		str_free(&problems);
		return EXIT_CONFIG;
	}
	if (log_open(c->director.log_target, c->director.log_level))
		log_warn(NULL, "/dev/log: %s; logging to stderr", strerror(errno));
	log_lines(LEVEL_WARN, "config", str_text(&problems));
	str_free(&problems);

	r = EXIT_SYSTEM;
	if (check_capabilities(c->director.engine == CONF_ENGINE_EBPF))
		goto out;
	l.lock = take_lock(o->name);
	if (l.lock < 0)
		goto out;
	l.loop = loop_new();
	if (!l.loop)
		goto out;
	r = serve(&l, c);
	c = NULL; /* the director took it over */
out:
	conf_free(c);
	loop_free(l.loop);
	if (l.lock >= 0)
		close(l.lock);
	log_close();
	return r;
}

int main(int argc, char **argv)
{
	struct options o = { .conf = DEFAULT_CONF, .name = "lbd" };
	int r = parse_options(argc, argv, &o);

	if (r >= 0)
		return r;
	switch (o.action) {
	case ACTION_TEST:
		return test(&o);
	case ACTION_PRINT:
		return print(&o);
	case ACTION_RS_SCRIPT:
		return rs_script_for(&o);
	case ACTION_RUN:
		break;
	}
	return run(&o);
}
