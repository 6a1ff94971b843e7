// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two promises of the log, checked on the device itself:
 *   - who was granted extents finds them in the ring;
 *   - a bit that is set in memory is on disk, or its extent is in the ring.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "rooms_test.h"
#include "activity_log.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "metadata.h"
#include "compat/compat.h"
#include "core/activity_log.h"
#include "core/bitmap_geometry.h"

#define SLOTS 3
#define AL_BLOCKS 8
#define THREADS 12
#define SOME_UUID 0x1234567890abcde0ULL

static struct drbd_device *device;
static const char *device_path;
static struct drbd_md_layout layout;
static char test_holder[] = "rooms_test";

static DECLARE_RWSEM(quiet);		/* readers: users of the log; writer: looks at it */
static atomic_t running, fast, slow, errors, not_in_ring;
static unsigned int users;		/* per thread */
static bool look;			/* compare with the ring */

static int raw_io(struct block_device *bdev, sector_t sector, void *data, size_t len, bool write)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	struct bio_vec bv;
	struct bio bio;
	size_t done;
	int err = 0;

	for (done = 0; done < len && !err; done += 4096) {
		if (write)
			memcpy(page_address(page), data + done, 4096);
		bio_init(&bio, bdev, &bv, 1, write ? REQ_OP_WRITE | REQ_FUA : REQ_OP_READ);
		bio.bi_iter.bi_sector = sector + (done >> SECTOR_SHIFT);
		__bio_add_page(&bio, page, 4096, 0);
		err = submit_bio_wait(&bio);
		if (!write)
			memcpy(data + done, page_address(page), 4096);
		bio_uninit(&bio);
	}
	__free_page(page);
	return err;
}

/* Fresh metadata with these flags; no magic at all with @magic false. */
static void make_metadata(u32 flags, u64 effective_size, bool magic)
{
	void *handle = drbd_compat_bdev_open(device_path, test_holder);
	struct drbd_md *md = kzalloc(sizeof(*md), GFP_KERNEL | __GFP_NOFAIL);
	void *block = kzalloc(4096, GFP_KERNEL | __GFP_NOFAIL);
	struct drbd_md_placement p = {
		.index = DRBD_MD_INDEX_FLEX_INT, .max_peers = SLOTS,
		.bytes_per_bit = DRBD_BM_BIT_BYTES_DEFAULT,
		.al_stripes = 1, .al_stripe_size_4k = AL_BLOCKS,
	};
	struct block_device *bdev;
	unsigned int i;

	CHECK(!IS_ERR(handle));
	if (IS_ERR(handle))
		goto out;
	bdev = drbd_compat_bdev(handle);
	p.capacity = bdev_nr_sectors(bdev);
	CHECK(drbd_md_place(&p, &layout) == DRBD_MD_OK);
	drbd_md_init(md, &p, &layout);
	md->flags = flags;
	md->effective_size = effective_size;
	if (effective_size)
		md->current_uuid = SOME_UUID;
	if (magic)
		CHECK(!drbd_md_encode(md, block));
	CHECK(!raw_io(bdev, layout.sb, block, 4096, true));
	drbd_al_encode_initialized(block);
	for (i = 0; i < AL_BLOCKS; i++)
		CHECK(!raw_io(bdev, layout.al + i * 8, block, 4096, true));
	drbd_compat_bdev_close(handle);
out:
	kfree(block);
	kfree(md);
}

static int attach(struct disk_conf *conf)
{
	return drbd_do_attach(device, conf, NULL);
}

/* ------------------------------------------------------------ the promises */

static int read_ring(u32 *labels)
{
	struct drbd_al_replay_stats stats;
	void *ring = vmalloc(AL_BLOCKS * 4096);
	int result = -EIO;

	if (!raw_io(device->ldev->md_bdev, layout.al, ring, AL_BLOCKS * 4096, false))
		result = drbd_al_replay(ring, 1, AL_BLOCKS, labels, &stats);
	vfree(ring);
	return result;
}

static bool in_ring(const u32 *labels, u32 extent)
{
	u32 i;

	for (i = 0; i < DRBD_AL_EXTENTS_MAX; i++)
		if (labels[i] == extent)
			return true;
	return false;
}

static void check_granted(const struct drbd_al_user *al, u32 *labels)
{
	u32 extent = al->sector >> DRBD_AL_EXTENT_SECTOR_SHIFT;
	u32 last = (al->sector + DIV_ROUND_UP(al->size, 512) - 1) >> DRBD_AL_EXTENT_SECTOR_SHIFT;
	bool fine = read_ring(labels) == DRBD_AL_REPLAY_ACTIVE;

	for (; fine && extent <= last; extent++)
		fine = in_ring(labels, extent);
	if (!fine)
		atomic_inc(&not_in_ring);
}

static void check_bits(void)
{
	u32 *labels = vmalloc(DRBD_AL_EXTENTS_MAX * sizeof(*labels));
	struct drbd_bm_geometry g;
	unsigned long bit, lost = 0;
	unsigned int slot;
	__le32 *area;
	u8 *hot;
	u32 i;

	drbd_bm_geometry_init(&g, drbd_block_capacity(device), SLOTS, DRBD_BM_BIT_SHIFT_MIN);
	area = vmalloc(g.area_bytes);
	hot = vzalloc((g.sectors >> DRBD_AL_EXTENT_SECTOR_SHIFT) + 1);
	CHECK(read_ring(labels) >= 0);
	CHECK(!raw_io(device->ldev->md_bdev, layout.bm, area, g.area_bytes, false));
	for (i = 0; i < DRBD_AL_EXTENTS_MAX; i++)
		if (labels[i] <= g.sectors >> DRBD_AL_EXTENT_SECTOR_SHIFT)
			hot[labels[i]] = 1;
	for (slot = 0; slot < SLOTS; slot++) {
		for (bit = 0; (bit = drbd_bm_find_next(device, slot, bit)) != ULONG_MAX; bit++) {
			u32 word = le32_to_cpu(area[drbd_bm_word_index(bit, slot, SLOTS)]);

			if (!(word & (1u << (bit & 31))) && !hot[bit >> 10])
				lost++;
		}
	}
	CHECK(!lost);
	vfree(area);
	vfree(hot);
	vfree(labels);
}

/* ------------------------------------------------------------------ users */

struct log_user {
	struct drbd_al_user al;
	struct completion granted;
	int err;
};

static void granted(struct drbd_al_user *al, int err)
{
	struct log_user *u = container_of(al, struct log_user, al);

	u->err = err;
	complete(&u->granted);
}

static void use_log(struct rnd_state *rnd, u32 *labels, u64 capacity)
{
	struct log_user u = { .al.granted = granted };

	init_completion(&u.granted);
	u.al.sector = prandom_u32_state(rnd) % (u32)(capacity - 1);
	u.al.size = prandom_u32_state(rnd) % 20 ? 4096 : 1 + prandom_u32_state(rnd) % (128u << 20);
	if (u.al.sector + u.al.size / 512 >= capacity)
		u.al.size = 512;
	if (drbd_al_begin(device, &u.al)) {
		atomic_inc(&fast);
	} else {
		if (!wait_for_completion_timeout(&u.granted, 60 * HZ)) {
			pr_err("rooms_test: nobody serves %llu+%u\n", (u64)u.al.sector, u.al.size);
			CHECK(0);
			wait_for_completion(&u.granted);
		}
		atomic_inc(&slow);
	}
	if (u.err) {
		atomic_inc(&errors);
		return;
	}
	if (look && !(prandom_u32_state(rnd) & 15))
		check_granted(&u.al, labels);
	drbd_bm_set(device, BM_ALL_SLOTS, u.al.sector, min(u.al.size, 65536u), NULL);
	if (!(prandom_u32_state(rnd) & 3))
		usleep_range(10, 2000);
	drbd_al_end(device, u.al.sector, u.al.size);
}

static int user_thread(void *arg)
{
	u32 *labels = vmalloc(DRBD_AL_EXTENTS_MAX * sizeof(*labels));
	u64 capacity = drbd_block_capacity(device);
	struct rnd_state rnd;
	unsigned int n;

	prandom_seed_state(&rnd, rooms_seed * 1000 + (unsigned long)arg);
	for (n = 0; n < users; n++) {
		down_read(&quiet);
		if (!drbd_ldev_get(device, D_INCONSISTENT)) {
			up_read(&quiet);
			break;
		}
		use_log(&rnd, labels, capacity);
		drbd_ldev_put(device);
		up_read(&quiet);
	}
	vfree(labels);
	atomic_dec(&running);
	return 0;
}

static void look_when_quiet(void)
{
	down_write(&quiet);
	if (drbd_ldev_get(device, D_NEGOTIATING)) {
		CHECK(!drbd_al_active(device));
		CHECK(!drbd_al_starving(device));
		/* Without a log the superblock tells that nothing is known. */
		if (!drbd_al_disabled(device))
			check_bits();
		drbd_ldev_put(device);
	}
	up_write(&quiet);
}

static void run_users(unsigned int threads, unsigned int n, bool looking)
{
	unsigned long i;

	users = n;
	look = looking;
	atomic_set(&running, threads);
	for (i = 0; i < threads; i++)
		if (IS_ERR(kthread_run(user_thread, (void *)i, "rooms_user%lu", i)))
			atomic_dec(&running);
	while (atomic_read(&running)) {
		msleep(200);
		if (looking)
			look_when_quiet();
	}
}

static int forcing_thread(void *arg)
{
	unsigned long start;

	while (!READ_ONCE(rooms_force))
		msleep(20);
	start = jiffies;
	CHECK(drbd_do_detach(device, true, false, NULL) == SS_SUCCESS);
	CHECK(time_before(jiffies, start + HZ / 2));
	while (atomic_read(&running) && time_before(jiffies, start + 5 * HZ))
		msleep(20);
	/* Whoever waited has been told, although the device may still hang. */
	CHECK(!atomic_read(&running));
	pr_info("rooms_test: all users ended %u ms after detach --force, %d references left\n",
		jiffies_to_msecs(jiffies - start), atomic_read(&device->ldev_refs));
	return 0;
}

/* ------------------------------------------------------------------ steps */

static void refusals(struct disk_conf *conf)
{
	void *handle;

	make_metadata(0, 0, false);
	CHECK(attach(conf) == ERR_MD_INVALID);
	make_metadata(0, 0, true);
	CHECK(attach(conf) == ERR_MD_UNCLEAN);
	make_metadata(DRBD_MDF_AL_CLEAN, 0, true);
	conf->meta_dev_idx = DRBD_MD_INDEX_FLEX_EXT;
	CHECK(attach(conf) == ERR_MD_IDX_INVALID);
	conf->meta_dev_idx = -4;
	CHECK(attach(conf) == ERR_MD_IDX_INVALID);
	conf->meta_dev_idx = DRBD_MD_INDEX_FLEX_INT;
	conf->resync_after = 0;
	CHECK(attach(conf) == ERR_RESYNC_AFTER_CYCLE);
	conf->resync_after = -1;
	conf->disk_size = layout.max_size + 1;
	CHECK(attach(conf) == ERR_DISK_TOO_SMALL);
	conf->disk_size = 0;
	handle = drbd_compat_bdev_open(device_path, test_holder);
	CHECK(attach(conf) == ERR_OPEN_DISK);
	drbd_compat_bdev_close(handle);
}

static void first_attach(struct disk_conf *conf)
{
	CHECK(attach(conf) == NO_ERROR);
	CHECK(attach(conf) == ERR_DISK_CONFIGURED);
	CHECK(drbd_block_capacity(device) == layout.max_size);
	CHECK(drbd_bm_weight(device, 0) == drbd_bm_nr_bits(device));
	CHECK(drbd_bm_weight(device, SLOTS - 1) == drbd_bm_nr_bits(device));
	drbd_bm_clear_slots(device, BM_ALL_SLOTS);
	CHECK(!drbd_bm_write(device));
	drbd_persist_size(device);
	CHECK(device->ldev->md.effective_size == layout.max_size);
}

static void options(struct disk_conf *conf)
{
	int written;

	conf->al_extents = 100;
	CHECK(drbd_do_disk_options(device, conf, NULL) == NO_ERROR);
	CHECK(drbd_al_slots(device) == 100);

	conf->al_updates = 0;
	CHECK(drbd_do_disk_options(device, conf, NULL) == NO_ERROR);
	/* The change itself is made by the log's worker, before it serves anybody. */
	run_users(1, 1, false);
	CHECK(drbd_al_disabled(device));
	written = atomic_read(&device->al_writ_cnt);
	run_users(2, 50, false);
	CHECK(atomic_read(&device->al_writ_cnt) == written);

	conf->al_updates = 1;
	CHECK(drbd_do_disk_options(device, conf, NULL) == NO_ERROR);
	run_users(4, 100, true);
	CHECK(!drbd_al_disabled(device));
	CHECK(atomic_read(&device->al_writ_cnt) > written);
}

static void detach_and_again(struct disk_conf *conf)
{
	unsigned long weight[SLOTS];
	unsigned int s;

	for (s = 0; s < SLOTS; s++)
		weight[s] = drbd_bm_weight(device, s);
	CHECK(drbd_do_detach(device, false, false, NULL) == SS_SUCCESS);
	CHECK(!device->ldev && !device->bitmap && !device->al);
	CHECK(drbd_do_detach(device, false, false, NULL) == SS_NOTHING_TO_DO);
	CHECK(attach(conf) == ERR_MD_UNCLEAN);

	make_metadata(DRBD_MDF_AL_CLEAN | DRBD_MDF_CONSISTENT, layout.max_size, true);
	CHECK(attach(conf) == NO_ERROR);
	for (s = 0; s < SLOTS; s++)
		CHECK(drbd_bm_weight(device, s) == weight[s]);
	CHECK(drbd_do_detach(device, true, false, NULL) == SS_SUCCESS);
	CHECK(!drbd_ldev_wait_gone(device));

	/* Crashed while nothing was logged. */
	make_metadata(DRBD_MDF_AL_CLEAN | DRBD_MDF_CONSISTENT | DRBD_MDF_CRASHED_PRIMARY |
		      DRBD_MDF_PRIMARY_IND | DRBD_MDF_AL_DISABLED, layout.max_size, true);
	CHECK(attach(conf) == NO_ERROR);
	for (s = 0; s < SLOTS; s++)
		CHECK(drbd_bm_weight(device, s) == drbd_bm_nr_bits(device));
	CHECK(test_bit(DEV_CRASHED_PRIMARY, &device->flags));
	CHECK(drbd_do_detach(device, false, false, NULL) == SS_SUCCESS);
	CHECK(!atomic_read(&device->ldev_refs));
}

void rooms_test_disk(struct drbd_device *dev, const char *path, unsigned int rounds, bool trouble,
		     bool force)
{
	struct disk_conf *conf = kzalloc(sizeof(*conf), GFP_KERNEL | __GFP_NOFAIL);

	device = dev;
	device_path = path;
	disk_conf_init(conf);
	strscpy(conf->backing_dev, path, sizeof(conf->backing_dev));
	strscpy(conf->meta_dev, path, sizeof(conf->meta_dev));
	conf->meta_dev_idx = DRBD_MD_INDEX_FLEX_INT;
	conf->al_extents = DRBD_AL_EXTENTS_MIN;

	refusals(conf);
	first_attach(conf);
	if (force)
		CHECK(!IS_ERR(kthread_run(forcing_thread, NULL, "rooms_force")));
	pr_info("rooms_test: attached\n");
	run_users(THREADS, rounds, !trouble);
	pr_info("rooms_test: fast %d slow %d errors %d, transactions %d bitmap pages %d\n",
		atomic_read(&fast), atomic_read(&slow), atomic_read(&errors),
		atomic_read(&device->al_writ_cnt), atomic_read(&device->bm_writ_cnt));
	CHECK(!atomic_read(&not_in_ring));
	if (trouble) {
		CHECK(atomic_read(&errors));
		CHECK(wait_event_timeout(device->misc_wait, !READ_ONCE(device->ldev), 60 * HZ));
		CHECK(device->disk_state == D_DISKLESS);
	} else {
		CHECK(!atomic_read(&errors));
		options(conf);
		CHECK(!atomic_read(&not_in_ring));
		detach_and_again(conf);
	}
	kfree(conf);
}
