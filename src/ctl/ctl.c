// SPDX-License-Identifier: BSD-2-Clause
/* The control socket.
 *
 * One command a connection.  A client that is slow to ask or to read has CLIENT_TIME and costs
 * nobody else anything; only root and lbd's own user are answered. */
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

struct client {
	struct list node;
	struct ctl *ctl;
	struct loop_io io;
	struct loop_timer deadline;
	int fd;
	char command[CTL_COMMAND_MAX];
	size_t n_command;
	char *answer; /* NULL until the command is whole */
	size_t n_answer, sent;
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

static json_t *do_status(struct ctl *c)
{
	return show_status(c->director, c->started, loop_take_longest_turn(c->loop));
}

static json_t *do_services(struct ctl *c)
{
	return show_services(c->director);
}

static json_t *do_vrrp(struct ctl *c)
{
	return show_vrrp(c->director);
}

static const struct {
	const char *name;
	json_t *(*run)(struct ctl *c);
} commands[] = {
#define X(name, help) { #name, do_##name },
	CTL_COMMANDS(X)
#undef X
};

static json_t *run_command(struct ctl *c, const char *name)
{
	char quoted[64];
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(c);
	return json_pack("{s:s+}", "error", "unknown command: ",
			 str_quote(name, strlen(name), quoted, sizeof(quoted)));
}

/* ---- Clients ---- */

static void client_free(struct client *k)
{
	loop_timer_stop(&k->deadline);
	loop_io_stop(&k->io);
	close(k->fd);
	list_del(&k->node);
	k->ctl->n_clients--;
	free(k->answer);
	free(k);
}

static void on_deadline(struct loop_timer *t, usec_t)
{
	client_free(container_of(t, struct client, deadline));
}

static void send_answer(struct client *k)
{
	ssize_t n;

	while (k->sent < k->n_answer) {
		n = send(k->fd, k->answer + k->sent, k->n_answer - k->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			loop_io_watch(&k->io, k->fd, LOOP_WRITE);
			return;
		}
		if (n < 0)
			break;
		k->sent += (size_t)n;
	}
	client_free(k);
}

static void answer(struct client *k)
{
	json_t *value = run_command(k->ctl, k->command);

	k->answer = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(value);
	if (!k->answer) {
		client_free(k);
		return;
	}
	k->n_answer = strlen(k->answer);
	send_answer(k);
}

static void on_client(struct loop_io *io, int)
{
	struct client *k = container_of(io, struct client, io);
	char *end;
	ssize_t n;

	if (k->answer) {
		send_answer(k);
		return;
	}
	n = recv(k->fd, k->command + k->n_command, sizeof(k->command) - 1 - k->n_command,
		 MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_free(k);
		return;
	}
	k->n_command += (size_t)n;
	end = memchr(k->command, '\n', k->n_command);
	if (end) {
		*end = '\0';
		answer(k);
	} else if (k->n_command == sizeof(k->command) - 1) {
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
