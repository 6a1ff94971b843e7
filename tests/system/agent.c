// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of a virtual node.  It runs commands for the test host over
 * TCP on an interface of its own, which no test cuts: one command on each connection.
 * A frame is
 *
 *	type[1] length[4, big endian] payload[length]
 *
 * host to node:  'R' run payload with bash -c; 'I' standard input; 'E' its end
 * node to host:  'A' the command was started; 'O' standard output, 'S' standard error,
 *                'X' wait status, and then the connection is closed
 *
 * When the host closes first, the command and its process group are killed.
 *
 * agent ADDRESS PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CONNECTIONS	32
#define HEADER		5
#define MAX_FRAME	(1 << 20)
#define OUT_LIMIT	(256 << 10)

struct buffer {
	unsigned char *data;
	size_t len, room;
};

struct connection {
	int fd;				/* -1: free */
	struct buffer in, out;
	pid_t child;
	int exited, status, done;	/* done: 'X' is in out */
	int to_stdin, stdin_closing;
	struct buffer stdin_data;
	int from[2];			/* child's stdout, stderr */
};

static struct connection connections[MAX_CONNECTIONS];

static void append(struct buffer *b, const void *data, size_t len)
{
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2;
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void consume(struct buffer *b, size_t len)
{
	b->len -= len;
	memmove(b->data, b->data + len, b->len);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void frame(struct connection *c, char type, const void *data, uint32_t len)
{
	uint32_t be = htonl(len);

	append(&c->out, &type, 1);
	append(&c->out, &be, 4);
	append(&c->out, data, len);
}

static void end(struct connection *c)
{
	if (c->child > 0 && !c->exited)
		kill(-c->child, SIGKILL);
	close_fd(&c->fd);
	close_fd(&c->to_stdin);
	close_fd(&c->from[0]);
	close_fd(&c->from[1]);
	c->child = 0;
	c->exited = c->done = c->stdin_closing = 0;
	c->in.len = c->out.len = c->stdin_data.len = 0;
}

static void start_command(struct connection *c, const unsigned char *cmd, size_t len)
{
	int in[2], out[2], err[2];
	char *text = strndup((const char *)cmd, len);
	sigset_t none;

	if (!text || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		abort();
	c->child = fork();
	if (c->child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl("/bin/bash", "bash", "-c", text, (char *)NULL);
		_exit(127);
	}
	if (c->child < 0)
		abort();
	free(text);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->to_stdin = in[1];
	c->from[0] = out[0];
	c->from[1] = err[0];
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
}

static void read_child(struct connection *c, int which, int all)
{
	char buf[32 << 10];

	while (c->from[which] >= 0 && (all || c->out.len < OUT_LIMIT)) {
		ssize_t n = read(c->from[which], buf, sizeof(buf));

		if (n > 0)
			frame(c, which ? 'S' : 'O', buf, n);
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		else
			close_fd(&c->from[which]);
	}
}

static void feed_child(struct connection *c)
{
	while (c->to_stdin >= 0 && c->stdin_data.len) {
		ssize_t n = write(c->to_stdin, c->stdin_data.data, c->stdin_data.len);

		if (n > 0) {
			consume(&c->stdin_data, n);
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		} else {
			close_fd(&c->to_stdin);
			c->stdin_data.len = 0;
		}
	}
	if (c->stdin_closing)
		close_fd(&c->to_stdin);
}

static void handle_frame(struct connection *c, char type, const unsigned char *data, uint32_t len)
{
	switch (type) {
	case 'R':
		if (c->child > 0)
			break;
		frame(c, 'A', "", 0);
		start_command(c, data, len);
		break;
	case 'I':
		if (c->to_stdin >= 0)
			append(&c->stdin_data, data, len);
		break;
	case 'E':
		c->stdin_closing = 1;
		break;
	}
}

/* False: the host is gone, or talks nonsense. */
static int read_host(struct connection *c)
{
	char buf[32 << 10];
	ssize_t n = read(c->fd, buf, sizeof(buf));
	uint32_t len;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return 0;
	append(&c->in, buf, n);
	while (c->in.len >= HEADER) {
		memcpy(&len, c->in.data + 1, 4);
		len = ntohl(len);
		if (len > MAX_FRAME)
			return 0;
		if (c->in.len < HEADER + len)
			break;
		handle_frame(c, c->in.data[0], c->in.data + HEADER, len);
		consume(&c->in, HEADER + len);
	}
	return 1;
}

static int write_host(struct connection *c)
{
	while (c->out.len) {
		ssize_t n = write(c->fd, c->out.data, c->out.len);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		consume(&c->out, n);
	}
	return !c->done;
}

static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < MAX_CONNECTIONS; i++) {
			if (connections[i].child == pid) {
				connections[i].exited = 1;
				connections[i].status = status;
			}
		}
	}
}

static void accept_host(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1, i;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (i = 0; i < MAX_CONNECTIONS; i++) {
		if (connections[i].fd < 0) {
			connections[i].fd = fd;
			return;
		}
	}
	close(fd);
}

static int listen_on(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, MAX_CONNECTIONS)) {
		perror(address);
		return -1;
	}
	return fd;
}

static void on_sigchld(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction chld = { .sa_handler = on_sigchld };
	sigset_t block, waiting;
	int listener, i, k;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &waiting);
	sigdelset(&waiting, SIGCHLD);
	sigaction(SIGCHLD, &chld, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (chdir("/root"))
		perror("/root");
	for (i = 0; i < MAX_CONNECTIONS; i++)
		connections[i] = (struct connection){ .fd = -1, .to_stdin = -1, .from = { -1, -1 } };
	listener = argc == 3 ? listen_on(argv[1], argv[2]) : -1;
	if (listener < 0)
		fprintf(stderr, "agent: nobody will be able to reach me\n");

	for (;;) {
		struct pollfd pfd[MAX_CONNECTIONS * 4 + 1];
		int n = 0;

		reap();
		pfd[n++] = (struct pollfd){ listener, POLLIN, 0 };
		for (i = 0; i < MAX_CONNECTIONS; i++) {
			struct connection *c = &connections[i];

			if (c->fd < 0)
				continue;
			if (c->child > 0 && c->exited && !c->done) {
				read_child(c, 0, 1);
				read_child(c, 1, 1);
				frame(c, 'X', &c->status, 4);
				c->done = 1;
			}
			if (!write_host(c)) {
				end(c);
				continue;
			}
			pfd[n++] = (struct pollfd){ c->fd, POLLIN | (c->out.len ? POLLOUT : 0), 0 };
			if (c->to_stdin >= 0 && c->stdin_data.len)
				pfd[n++] = (struct pollfd){ c->to_stdin, POLLOUT, 0 };
			for (k = 0; k < 2; k++)
				if (c->from[k] >= 0 && c->out.len < OUT_LIMIT)
					pfd[n++] = (struct pollfd){ c->from[k], POLLIN, 0 };
		}
		if (ppoll(pfd, n, NULL, &waiting) < 0 && errno != EINTR)
			abort();
		accept_host(listener);
		for (i = 0; i < MAX_CONNECTIONS; i++) {
			struct connection *c = &connections[i];

			if (c->fd < 0)
				continue;
			if (!read_host(c)) {
				end(c);
				continue;
			}
			feed_child(c);
			read_child(c, 0, 0);
			read_child(c, 1, 0);
		}
	}
}
