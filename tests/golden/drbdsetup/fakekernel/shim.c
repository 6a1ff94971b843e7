/* SPDX-License-Identifier: GPL-2.0-only */
/* LD_PRELOAD shim: lets an unmodified drbdsetup talk to a simulated kernel.
 * A generic-netlink socket becomes a unix SEQPACKET connection to
 * $FAKE_DRBD_SOCK; /proc/drbd is redirected to $FAKE_PROC_DRBD.
 * Test tool written for this project. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int nlfd = -1;
#define REAL(ret, name, ...) static ret (*real_##name)(__VA_ARGS__); \
	if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static const char *redirect(const char *p)
{
	const char *e = getenv("FAKE_PROC_DRBD");
	const char *b = getenv("FAKE_BLOCK_DEVICE");

	if (e && p && !strcmp(p, "/proc/drbd"))
		return e;
	/* the recorded command lines name these devices */
	if (b && p && (!strcmp(p, "/dev/loop7") || !strcmp(p, "/dev/vda")))
		return b;
	return p;
}
int socket(int d, int t, int p)
{
	REAL(int, socket, int, int, int);
	if (d == AF_NETLINK && p == NETLINK_GENERIC && getenv("FAKE_DRBD_SOCK")) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int fd = real_socket(AF_UNIX, SOCK_SEQPACKET, 0);
		strncpy(a.sun_path, getenv("FAKE_DRBD_SOCK"), sizeof(a.sun_path) - 1);
		if (connect(fd, (void *)&a, sizeof(a))) return -1;
		nlfd = fd;
		return fd;
	}
	return real_socket(d, t, p);
}
int setsockopt(int fd, int l, int o, const void *v, socklen_t n)
{
	REAL(int, setsockopt, int, int, int, const void *, socklen_t);
	if (fd == nlfd && nlfd >= 0) {
		if (l == SOL_NETLINK) {   /* tell the server about group membership */
			unsigned buf[2] = { 0xfeedface, *(const unsigned *)v };
			send(fd, buf, sizeof(buf), 0);
		}
		return 0;
	}
	return real_setsockopt(fd, l, o, v, n);
}
int getsockopt(int fd, int l, int o, void *v, socklen_t *n)
{
	REAL(int, getsockopt, int, int, int, void *, socklen_t *);
	if (fd == nlfd && nlfd >= 0) { *(int *)v = 1 << 28; return 0; }
	return real_getsockopt(fd, l, o, v, n);
}
int bind(int fd, const struct sockaddr *a, socklen_t n)
{
	REAL(int, bind, int, const struct sockaddr *, socklen_t);
	if (fd == nlfd && nlfd >= 0) return 0;
	return real_bind(fd, a, n);
}
int getsockname(int fd, struct sockaddr *a, socklen_t *n)
{
	REAL(int, getsockname, int, struct sockaddr *, socklen_t *);
	if (fd == nlfd && nlfd >= 0) {
		struct sockaddr_nl *s = (void *)a;
		memset(s, 0, sizeof(*s)); s->nl_family = AF_NETLINK; s->nl_pid = 4711;
		*n = sizeof(*s); return 0;
	}
	return real_getsockname(fd, a, n);
}
ssize_t recvmsg(int fd, struct msghdr *m, int f)
{
	REAL(ssize_t, recvmsg, int, struct msghdr *, int);
	if (fd == nlfd && nlfd >= 0) {
		void *nm = m->msg_name; ssize_t r;
		m->msg_name = NULL; m->msg_namelen = 0;
		r = real_recvmsg(fd, m, f);
		m->msg_name = nm; m->msg_namelen = sizeof(struct sockaddr_nl);
		if (nm) { memset(nm, 0, sizeof(struct sockaddr_nl)); ((struct sockaddr_nl *)nm)->nl_family = AF_NETLINK; }
		return r;
	}
	return real_recvmsg(fd, m, f);
}
int stat(const char *p, struct stat *s)
{
	REAL(int, stat, const char *, struct stat *);
	return real_stat(redirect(p), s);
}
int stat64(const char *p, struct stat64 *s)
{
	REAL(int, stat64, const char *, struct stat64 *);
	return real_stat64(redirect(p), s);
}
static int do_open(const char *name, const char *p, int fl, mode_t md)
{
	int (*r)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
	if (redirect(p) != p)
		fl = (fl & ~O_ACCMODE) | O_RDONLY;
	return r(redirect(p), fl, md);
}
int open(const char *p, int fl, ...)
{ va_list ap; va_start(ap, fl); mode_t m = va_arg(ap, mode_t); va_end(ap); return do_open("open", p, fl, m); }
int open64(const char *p, int fl, ...)
{ va_list ap; va_start(ap, fl); mode_t m = va_arg(ap, mode_t); va_end(ap); return do_open("open64", p, fl, m); }
