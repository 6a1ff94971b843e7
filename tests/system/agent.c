// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of a virtual node.  It runs commands for the test host over
 * virtio-serial ports, which go on working when the node's network does not.
 *
 * One command at a time on each port.  A frame is
 *
 *	magic[4] nonce[4] type[1] length[4, big endian] payload[length]
 *
 * host to node:  'R' run payload with bash -c; 'I' standard input; 'E' its end;
 *                'K' kill the command; 'Q' are you there? payload: how much has arrived,
 *                4 bytes, big endian; what is missing is sent again
 * node to host:  'A' the command was started; 'O' standard output, 'S' standard error, 'X' wait status;
 *                'P' answer to 'Q'.  Each payload but that of 'P' begins with the number of bytes
 *                of frames that this command has sent before, 4 bytes, big endian
 *
 * The nonce is chosen by the host with each 'R' and tells the frames of a
 * command from leftovers of an earlier one.  When the host has closed its end
 * for a minute, the command and its process group are killed; not at once, because
 * news of opening and closing travel apart from the data, come after it, or not at
 * all: a host that hears nothing opens its end anew.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PORTS	16
#define HEADER		13
#define MAX_FRAME	(1 << 20)
#define OUT_LIMIT	(256 << 10)
#define GRACE_MS	60000
#define HISTORY		(8 << 20)

static const unsigned char magic[4] = { 'D', 'N', 'c', 1 };

struct buffer {
	unsigned char *data;
	size_t len, room;
};

struct port {
	int fd;
	int connected;
	int64_t gone_at;		/* deadline for the host to be back; 0: it is there */
	unsigned char nonce[4];
	struct buffer in, out, sent;	/* sent: all of this command, for 'Q' */
	uint32_t total;
	pid_t child;
	int exited, status;
	int to_stdin, stdin_closing;
	struct buffer stdin_data;
	int from[2];			/* child's stdout, stderr */
};

static struct port ports[MAX_PORTS];
static int nports;

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

static void frame(struct port *p, char type, const void *data, uint32_t len)
{
	uint32_t be = htonl(len + 4), at = htonl(p->total);
	size_t start = p->out.len;

	append(&p->out, magic, 4);
	append(&p->out, p->nonce, 4);
	append(&p->out, &type, 1);
	append(&p->out, &be, 4);
	append(&p->out, &at, 4);
	append(&p->out, data, len);
	if (p->sent.len == p->total && p->total < HISTORY)
		append(&p->sent, p->out.data + start, p->out.len - start);
	p->total += p->out.len - start;
}

/* The host has the first @have bytes, and perhaps not all of the rest. */
static void send_again(struct port *p, uint32_t have)
{
	uint32_t zero = 0;

	if (have <= p->sent.len && p->sent.len == p->total) {
		p->out.len = 0;
		append(&p->out, p->sent.data + have, p->sent.len - have);
	}
	append(&p->out, magic, 4);
	append(&p->out, p->nonce, 4);
	append(&p->out, "P", 1);
	append(&p->out, &zero, 4);
}

static void end_command(struct port *p)
{
	if (p->child > 0 && !p->exited)
		kill(-p->child, SIGKILL);
	p->child = 0;
	p->exited = 0;
	p->stdin_closing = 0;
	p->stdin_data.len = 0;
	close_fd(&p->to_stdin);
	close_fd(&p->from[0]);
	close_fd(&p->from[1]);
}

static void start_command(struct port *p, const unsigned char *cmd, size_t len)
{
	int in[2], out[2], err[2];
	char *text = strndup((const char *)cmd, len);
	sigset_t none;

	if (!text || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		abort();
	p->child = fork();
	if (p->child == 0) {
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
	free(text);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	p->to_stdin = in[1];
	p->from[0] = out[0];
	p->from[1] = err[0];
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
}

static void read_child(struct port *p, int which, int all)
{
	char buf[32 << 10];

	while (p->from[which] >= 0 && (all || p->out.len < OUT_LIMIT)) {
		ssize_t n = read(p->from[which], buf, sizeof(buf));

		if (n > 0)
			frame(p, which ? 'S' : 'O', buf, n);
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		else
			close_fd(&p->from[which]);
	}
}

static void feed_child(struct port *p)
{
	while (p->to_stdin >= 0 && p->stdin_data.len) {
		ssize_t n = write(p->to_stdin, p->stdin_data.data, p->stdin_data.len);

		if (n > 0) {
			consume(&p->stdin_data, n);
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		} else {
			close_fd(&p->to_stdin);
			p->stdin_data.len = 0;
		}
	}
	if (p->stdin_closing)
		close_fd(&p->to_stdin);
}

static void handle_frame(struct port *p, const unsigned char *h, uint32_t len)
{
	switch (h[8]) {
	case 'R':
		end_command(p);
		p->out.len = 0;
		p->sent.len = 0;
		p->total = 0;
		memcpy(p->nonce, h + 4, 4);
		frame(p, 'A', "", 0);
		start_command(p, h + HEADER, len);
		break;
	case 'I':
		if (!memcmp(p->nonce, h + 4, 4) && p->to_stdin >= 0)
			append(&p->stdin_data, h + HEADER, len);
		break;
	case 'E':
		if (!memcmp(p->nonce, h + 4, 4))
			p->stdin_closing = 1;
		break;
	case 'Q':
		if (!memcmp(p->nonce, h + 4, 4) && len == 4) {
			uint32_t have;

			memcpy(&have, h + HEADER, 4);
			send_again(p, ntohl(have));
		}
		break;
	case 'K':
		if (!memcmp(p->nonce, h + 4, 4))
			end_command(p);
		break;
	}
}

static void parse(struct port *p)
{
	for (;;) {
		size_t skip = 0;
		uint32_t len;

		while (p->in.len - skip >= 4 && memcmp(p->in.data + skip, magic, 4))
			skip++;
		consume(&p->in, skip);
		if (p->in.len < HEADER)
			return;
		memcpy(&len, p->in.data + 9, 4);
		len = ntohl(len);
		if (len > MAX_FRAME) {
			consume(&p->in, 4);
			continue;
		}
		if (p->in.len < HEADER + len)
			return;
		handle_frame(p, p->in.data, len);
		consume(&p->in, HEADER + len);
	}
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void host_gone(struct port *p)
{
	p->connected = 0;
	if (!p->gone_at)
		p->gone_at = now_ms() + GRACE_MS;
}

/* Ends commands whose host is gone for good; returns ms until the next deadline, or -1. */
static int expire(void)
{
	int64_t now = now_ms(), next = -1;
	int i;

	for (i = 0; i < nports; i++) {
		struct port *p = &ports[i];

		if (p->connected || !p->gone_at || p->child <= 0)
			continue;
		if (p->gone_at <= now) {
			end_command(p);
			p->in.len = 0;
			p->out.len = 0;
		} else if (next < 0 || p->gone_at - now < next) {
			next = p->gone_at - now;
		}
	}
	return next;
}

static void read_port(struct port *p)
{
	char buf[32 << 10];
	ssize_t n = read(p->fd, buf, sizeof(buf));

	if (n > 0) {
		append(&p->in, buf, n);
		parse(p);
	} else if (n == 0) {
		host_gone(p);
	}
}

static void write_port(struct port *p)
{
	while (p->out.len) {
		ssize_t n = write(p->fd, p->out.data, p->out.len);

		if (n <= 0)
			return;
		consume(&p->out, n);
	}
}

static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < nports; i++) {
			if (ports[i].child == pid) {
				ports[i].exited = 1;
				ports[i].status = status;
			}
		}
	}
}

/* Which ports have a host at the other end?  Changes are announced by SIGIO. */
static void probe(void)
{
	int i;

	for (i = 0; i < nports; i++) {
		struct pollfd pfd = { .fd = ports[i].fd, .events = POLLIN };

		poll(&pfd, 1, 0);
		if (pfd.revents & POLLIN)
			read_port(&ports[i]);
		if (pfd.revents & POLLHUP) {
			host_gone(&ports[i]);
		} else {
			ports[i].connected = 1;
			ports[i].gone_at = 0;
		}
	}
}

static void open_ports(void)
{
	char path[300], name[64];
	struct dirent *e;
	DIR *d = opendir("/sys/class/virtio-ports");

	while (d && (e = readdir(d)) && nports < MAX_PORTS) {
		struct port *p = &ports[nports];
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		name[0] = 0;
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		if (strncmp(name, "cmd", 3))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		p->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (p->fd < 0)
			continue;
		p->to_stdin = p->from[0] = p->from[1] = -1;
		fcntl(p->fd, F_SETOWN, getpid());
		fcntl(p->fd, F_SETFL, O_NONBLOCK | O_ASYNC);
		nports++;
	}
	if (d)
		closedir(d);
}

static volatile sig_atomic_t port_event;

static void on_sigio(int sig)
{
	(void)sig;
	port_event = 1;
}

static void on_sigchld(int sig)
{
	(void)sig;
}

int main(void)
{
	struct sigaction io = { .sa_handler = on_sigio }, chld = { .sa_handler = on_sigchld };
	sigset_t block, waiting;
	int64_t probed = 0;

	sigemptyset(&block);
	sigaddset(&block, SIGIO);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &waiting);
	sigdelset(&waiting, SIGIO);
	sigdelset(&waiting, SIGCHLD);
	sigaction(SIGIO, &io, NULL);
	sigaction(SIGCHLD, &chld, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (chdir("/root"))
		perror("/root");
	open_ports();
	probe();

	for (;;) {
		struct pollfd pfd[MAX_PORTS * 4];
		struct timespec wait;
		int n = 0, i, k, ms;

		reap();
		for (i = 0; i < nports; i++) {
			struct port *p = &ports[i];

			if (p->child > 0 && p->exited) {
				read_child(p, 0, 1);
				read_child(p, 1, 1);
				frame(p, 'X', &p->status, 4);
				end_command(p);
			}
			write_port(p);
			if (p->connected)
				pfd[n++] = (struct pollfd){ p->fd, POLLIN | (p->out.len ? POLLOUT : 0), 0 };
			if (p->to_stdin >= 0 && p->stdin_data.len)
				pfd[n++] = (struct pollfd){ p->to_stdin, POLLOUT, 0 };
			for (k = 0; k < 2; k++)
				if (p->from[k] >= 0 && p->out.len < OUT_LIMIT)
					pfd[n++] = (struct pollfd){ p->from[k], POLLIN, 0 };
		}
		/* Look at everything a few times a second in any case: an event that the
		 * driver did not announce must not cost more than that. */
		ms = expire();
		if (ms < 0 || ms > 200)
			ms = 200;
		wait = (struct timespec){ 0, ms * 1000000L };
		k = ppoll(pfd, n, &wait, &waiting);
		if (k < 0 && errno != EINTR)
			abort();
		/* By the clock, not by the time-out: a busy port must not keep us from the others. */
		if (now_ms() - probed >= 200)
			port_event = 1;
		if (port_event) {
			port_event = 0;
			probe();
			probed = now_ms();
		}
		for (i = 0; i < nports; i++) {
			struct port *p = &ports[i];

			if (p->connected)
				read_port(p);
			feed_child(p);
			read_child(p, 0, 0);
			read_child(p, 1, 0);
			write_port(p);
		}
	}
}
