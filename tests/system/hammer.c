// SPDX-License-Identifier: GPL-2.0-only
/*
 * hammer DEVICE BYTES THREADS SEED FIRST: write numbered blocks until killed.
 *
 * Each thread owns a part of the first BYTES of DEVICE and writes 1 to 16 blocks of
 * 4 KiB at random places of its part, with O_DIRECT.  Each 512-byte sector begins
 * with magic, the write's number (FIRST and up, counted per device) and the block's number, the
 * rest is made from these.  When a write has completed, "NUMBER BLOCK COUNT"
 * goes to standard output: whatever stands there must survive.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	4096
#define MAX_RUN	16

static int fd;
static uint64_t blocks_per_thread, next_number;
static unsigned int seed;

static void fill(unsigned char *p, uint64_t number, uint64_t block)
{
	uint64_t *w;
	int s, i;

	for (s = 0; s < BLOCK / 512; s++) {
		w = (uint64_t *)(p + s * 512);
		w[0] = 0x52454d4d41484244ULL;
		w[1] = number;
		w[2] = block;
		for (i = 3; i < 64; i++)
			w[i] = number * 0x9e3779b97f4a7c15ULL + block * 31 + s * 64 + i;
	}
}

static void *work(void *arg)
{
	uint64_t first = (uintptr_t)arg * blocks_per_thread;
	unsigned int rnd = seed * 1000 + (uintptr_t)arg;
	unsigned char *buf = NULL;
	char line[100];

	if (posix_memalign((void **)&buf, BLOCK, BLOCK * MAX_RUN))
		abort();
	for (;;) {
		uint64_t number = __atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED);
		uint64_t run = rand_r(&rnd) % 4 ? 1 : 1 + rand_r(&rnd) % MAX_RUN;
		uint64_t block = first + rand_r(&rnd) % (blocks_per_thread - run + 1);
		uint64_t i;
		int n;

		for (i = 0; i < run; i++)
			fill(buf + i * BLOCK, number, block + i);
		if (pwrite(fd, buf, run * BLOCK, block * BLOCK) != (ssize_t)(run * BLOCK)) {
			fprintf(stderr, "write %llu: %s\n", (unsigned long long)number, strerror(errno));
			exit(1);
		}
		n = snprintf(line, sizeof(line), "%llu %llu %llu\n", (unsigned long long)number,
			     (unsigned long long)block, (unsigned long long)run);
		if (write(1, line, n) != n)
			exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned long threads, i;
	pthread_t t;

	if (argc != 6) {
		fprintf(stderr, "usage: hammer DEVICE BYTES THREADS SEED FIRST\n");
		return 2;
	}
	threads = strtoul(argv[3], NULL, 0);
	seed = strtoul(argv[4], NULL, 0);
	next_number = strtoull(argv[5], NULL, 0);
	blocks_per_thread = strtoull(argv[2], NULL, 0) / BLOCK / threads;
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || blocks_per_thread < MAX_RUN) {
		fprintf(stderr, "%s: %s\n", argv[1], fd < 0 ? strerror(errno) : "too small");
		return 1;
	}
	for (i = 0; i < threads; i++)
		pthread_create(&t, NULL, work, (void *)i);
	pause();
	return 0;
}
