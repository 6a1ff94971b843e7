// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/highmem.h>
#include <linux/uio.h>
#include <crypto/hash.h>
#include "peer_request.h"
#include "connection.h"
#include "receiver.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "interval.h"
#include "netlink.h"
#include "request.h"
#include "resync.h"
#include "sender.h"
#include "state_change.h"

#define MIN_PEER_REQUESTS 64
#define MIN_PAGES 1024

static struct kmem_cache *pr_cache;
static mempool_t pr_pool;
static mempool_t page_pool;
static struct bio_set pr_bios;

int drbd_peer_request_init(void)
{
	int err;

	pr_cache = KMEM_CACHE(drbd_peer_request, 0);
	if (!pr_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&pr_pool, MIN_PEER_REQUESTS, pr_cache);
	if (err)
		goto no_pool;
	err = mempool_init_page_pool(&page_pool, MIN_PAGES, 0);
	if (err)
		goto no_pages;
	err = bioset_init(&pr_bios, MIN_PEER_REQUESTS, 0, BIOSET_NEED_BVECS);
	if (err)
		goto no_bios;
	return 0;
no_bios:
	mempool_exit(&page_pool);
no_pages:
	mempool_exit(&pr_pool);
no_pool:
	kmem_cache_destroy(pr_cache);
	return err;
}

void drbd_peer_request_exit(void)
{
	bioset_exit(&pr_bios);
	mempool_exit(&page_pool);
	mempool_exit(&pr_pool);
	kmem_cache_destroy(pr_cache);
}

/* max-buffers is a soft limit: beyond it every allocation waits a little (io-path.md 14). */
static void throttle_pages(struct drbd_connection *connection, unsigned int pages)
{
	struct net_conf *nc;
	unsigned int max;

	rcu_read_lock();
	nc = rcu_dereference(connection->net_conf);
	max = nc ? nc->max_buffers : 2048;
	rcu_read_unlock();
	if (atomic_add_return(pages, &connection->pages_in_use) > max)
		wait_event_timeout(connection->ee_wait,
				   atomic_read(&connection->pages_in_use) <= max, HZ / 10);
}

static void pr_interval_released(struct drbd_interval *i)
{
	struct drbd_peer_request *pr = container_of(i, struct drbd_peer_request, i);

	pr->go(pr);
}

struct drbd_peer_request *drbd_pr_alloc(struct drbd_peer_device *peer_device, sector_t sector,
					unsigned int size, bool pages)
{
	struct drbd_peer_request *pr = mempool_alloc(&pr_pool, GFP_NOIO);
	unsigned int n = DIV_ROUND_UP(size, PAGE_SIZE), left = size;

	memset(pr, 0, sizeof(*pr));
	INIT_LIST_HEAD(&pr->list);
	INIT_LIST_HEAD(&pr->recv_order);
	INIT_LIST_HEAD(&pr->al.list);
	INIT_LIST_HEAD(&pr->sw.list);
	drbd_peer_device_get(peer_device);
	pr->peer_device = peer_device;
	pr->i.sector = sector;
	pr->i.size = size;
	pr->i.node_id = peer_device->connection->peer_node_id;
	pr->i.released = pr_interval_released;
	pr->al.sector = sector;
	pr->al.size = size;
	if (!pages || !size)
		return pr;
	throttle_pages(peer_device->connection, n);
	pr->bio = bio_alloc_bioset(NULL, n, 0, GFP_NOIO, &pr_bios);
	pr->bio->bi_iter.bi_sector = sector;
	pr->bio->bi_private = pr;
	while (left) {
		struct page *page = mempool_alloc(&page_pool, GFP_NOIO);
		unsigned int len = min_t(unsigned int, left, PAGE_SIZE);

		__bio_add_page(pr->bio, page, len, 0);
		left -= len;
	}
	return pr;
}

void drbd_pr_free_pages(struct drbd_peer_request *pr)
{
	struct drbd_connection *connection = pr->peer_device->connection;
	struct bio *bio = pr->bio;
	unsigned int i, n;

	if (!bio)
		return;
	pr->bio = NULL;
	n = bio->bi_vcnt;
	for (i = 0; i < n; i++)
		/* A socket may still hold a reference to it. */
		if (page_ref_count(bio->bi_io_vec[i].bv_page) == 1)
			mempool_free(bio->bi_io_vec[i].bv_page, &page_pool);
		else
			put_page(bio->bi_io_vec[i].bv_page);
	bio_put(bio);
	atomic_sub(n, &connection->pages_in_use);
	wake_up(&connection->ee_wait);
}

void drbd_pr_free(struct drbd_peer_request *pr)
{
	struct drbd_device *device = pr->peer_device->device;

	if (pr->flags & PR_UNACKED)
		atomic_dec(&pr->peer_device->unacked);
	drbd_pr_free_pages(pr);
	if (pr->flags & PR_HAS_LDEV)
		drbd_ldev_put(device);
	drbd_peer_device_put(pr->peer_device);
	mempool_free(pr, &pr_pool);
}

int drbd_pr_receive(struct drbd_peer_request *pr)
{
	struct drbd_transport *transport = &pr->peer_device->connection->transport;
	struct iov_iter iter;
	ssize_t rv;

	drbd_recv_may_wait(pr->peer_device->connection, pr->i.size);
	iov_iter_bvec(&iter, ITER_DEST, pr->bio->bi_io_vec, pr->bio->bi_vcnt, pr->i.size);
	rv = transport->class->ops->recv_iter(transport, DATA_STREAM, &iter);
	if (rv == pr->i.size)
		return 0;
	return rv < 0 ? rv : -ECONNRESET;
}

int drbd_pr_send_pages(struct drbd_peer_request *pr)
{
	struct bio *bio = pr->bio;

	/* The backing device advanced the iterator of a bio that was read into. */
	bio->bi_iter.bi_size = pr->i.size;
	bio->bi_iter.bi_idx = 0;
	bio->bi_iter.bi_bvec_done = 0;
	return drbd_send_bio_pages(pr->peer_device->connection, bio, true, false);
}

/* ------------------------------------------------------------------- digests */

void drbd_digest_bio(struct crypto_shash *tfm, struct bio *bio, u8 *digest)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	struct bvec_iter iter;
	struct bio_vec bv;

	desc->tfm = tfm;
	crypto_shash_init(desc);
	bio_for_each_segment(bv, bio, iter) {
		u8 *p = bvec_kmap_local(&bv);

		crypto_shash_update(desc, p, bv.bv_len);
		kunmap_local(p);
	}
	crypto_shash_final(desc, digest);
	shash_desc_zero(desc);
}

void drbd_digest_pr(struct crypto_shash *tfm, struct drbd_peer_request *pr, u8 *digest)
{
	pr->bio->bi_iter.bi_size = pr->i.size;
	pr->bio->bi_iter.bi_idx = 0;
	pr->bio->bi_iter.bi_bvec_done = 0;
	drbd_digest_bio(tfm, pr->bio, digest);
}

bool drbd_pr_all_zero(struct drbd_peer_request *pr)
{
	unsigned int i;

	for (i = 0; i < pr->bio->bi_vcnt; i++) {
		struct bio_vec *bv = &pr->bio->bi_io_vec[i];
		u8 *p = bvec_kmap_local(bv);
		bool zero = !memchr_inv(p, 0, bv->bv_len);

		kunmap_local(p);
		if (!zero)
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------- submit */

/* The connection is not cleaned up before its count is down: what follows comes first. */
static void backing_done(struct drbd_peer_request *pr)
{
	struct drbd_connection *connection = pr->peer_device->connection;

	rcu_read_lock();
	pr->completed(pr);
	if (atomic_dec_and_test(&connection->backing_requests))
		wake_up_all(&connection->ee_wait);
	rcu_read_unlock();
}

static void pr_endio(struct bio *bio)
{
	struct drbd_peer_request *pr = bio->bi_private;
	struct drbd_device *device = pr->peer_device->device;
	bool write = op_is_write(bio_op(bio));

	if (bio->bi_status) {
		pr->flags |= PR_FAILED;
		drbd_io_error(device, write ? DRBD_IO_ERR_WRITE : DRBD_IO_ERR_READ);
	}
	if (write)
		atomic64_add(pr->i.size >> 9, &device->writ_cnt);
	else
		atomic64_add(pr->i.size >> 9, &device->read_cnt);
	backing_done(pr);
}

static void discard_work(struct work_struct *work)
{
	struct drbd_peer_request *pr = container_of(work, struct drbd_peer_request, work);
	struct drbd_device *device = pr->peer_device->device;
	unsigned int how;

	if (pr->flags & PR_ZERO)
		how = DRBD_BACKING_ZEROOUT | (pr->flags & PR_DISCARD ? 0 : DRBD_BACKING_NOUNMAP);
	else
		how = DRBD_BACKING_DISCARD;
	if (drbd_backing_discard_or_zero(device, pr->i.sector, pr->i.size, how)) {
		pr->flags |= PR_FAILED;
		drbd_io_error(device, DRBD_IO_ERR_WRITE);
	}
	atomic64_add(pr->i.size >> 9, &device->writ_cnt);
	backing_done(pr);
}

void drbd_pr_submit(struct drbd_peer_request *pr, blk_opf_t opf)
{
	struct drbd_device *device = pr->peer_device->device;

	atomic_inc(&pr->peer_device->connection->backing_requests);
	if (pr->flags & (PR_DISCARD | PR_ZERO)) {
		INIT_WORK(&pr->work, discard_work);
		queue_work(device->submitter, &pr->work);
		return;
	}
	bio_set_dev(pr->bio, device->ldev->backing_bdev);
	pr->bio->bi_opf = opf;
	pr->bio->bi_end_io = pr_endio;
	submit_bio(pr->bio);
}

/* ---------------------------------------------------------------- block acks */

int drbd_send_block_ack(struct drbd_peer_device *peer_device, u16 cmd, sector_t sector,
			unsigned int size, u64 block_id, bool more)
{
	struct drbd_connection *connection = peer_device->connection;
	struct wire_block_ack p = {
		.sector = cpu_to_be64(sector),
		.block_id = block_id,
		.size = cpu_to_be32(size),
	};
	int err;

	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	drbd_stream_lock(connection, CONTROL_STREAM);
	p.seq_num = cpu_to_be32(atomic_inc_return(&peer_device->packet_seq));
	err = drbd_send_head(connection, CONTROL_STREAM, cmd, peer_device->device->vnr, &p,
			     sizeof(p), sizeof(p), more);
	drbd_stream_unlock(connection, CONTROL_STREAM);
	return err;
}

/* ------------------------------------------------------------ replicated writes */

static bool syncing(enum drbd_repl_state rs)
{
	return rs >= L_SYNC_SOURCE && rs <= L_PAUSED_SYNC_T;
}

/* On the backing device; any context. */
static void write_completed(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	unsigned long flags;

	spin_lock_irqsave(&device->resource->req_lock, flags);
	pr->flags |= PR_COMPLETED;
	/* The own bit first, then the ack: the peer acts on the ack (io-path.md 8.3). */
	if (pr->flags & PR_FAILED)
		drbd_bm_set(device, drbd_slot_bit(pd), pr->i.sector, pr->i.size, NULL);
	else if ((pr->flags & PR_MAY_SET_IN_SYNC) && syncing(pd->repl_state))
		drbd_bm_clear(device, drbd_slot_bit(pd), pr->i.sector, pr->i.size, NULL);
	else
		pr->flags &= ~PR_MAY_SET_IN_SYNC;
	spin_unlock_irqrestore(&device->resource->req_lock, flags);

	spin_lock_irqsave(&connection->peer_reqs_lock, flags);
	list_add_tail(&pr->list, &connection->done_ee);
	spin_unlock_irqrestore(&connection->peer_reqs_lock, flags);
	queue_work(connection->ack_sender, &connection->send_acks_work);
}

static void send_one_ack(struct drbd_peer_request *pr, bool more)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct drbd_resource *resource = connection->resource;
	u16 cmd = 0;

	if (pr->flags & PR_FAILED)
		cmd = P_NEG_ACK;
	else if (pr->flags & PR_MAY_SET_IN_SYNC)
		cmd = connection->agreed_pro_version >= 122 ? P_WRITE_ACK_IN_SYNC : P_RS_WRITE_ACK;
	else if (pr->dp_flags & DP_SEND_WRITE_ACK)
		cmd = P_WRITE_ACK;
	if (cmd)
		drbd_send_block_ack(pd, cmd, pr->i.sector, pr->i.size, pr->block_id, more);

	spin_lock_irq(&resource->req_lock);
	if (pr->flags & PR_IN_INTERVALS) {
		pr->flags &= ~PR_IN_INTERVALS;
		drbd_interval_leave(pd->device, &pr->i);
	}
	if (pr->flags & PR_UNACKED) {
		pr->flags &= ~PR_UNACKED;
		atomic_dec(&pd->unacked);
	}
	drbd_pr_free_pages(pr);
	pr->flags |= PR_ACKED;
	spin_unlock_irq(&resource->req_lock);
	if (atomic_dec_and_test(&connection->active_writes))
		wake_up_all(&connection->ee_wait);
}

void drbd_send_acks_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, send_acks_work);
	struct drbd_peer_request *pr, *next;
	struct drbd_peer_device *pd;
	bool starving = false;
	LIST_HEAD(list);
	int vnr;

	spin_lock_irq(&connection->peer_reqs_lock);
	list_splice_init(&connection->done_ee, &list);
	spin_unlock_irq(&connection->peer_reqs_lock);
	list_for_each_entry_safe(pr, next, &list, list) {
		bool more = !list_is_last(&pr->list, &list);

		list_del_init(&pr->list);
		send_one_ack(pr, more);
	}
	/* The last of them may have owed no ack. */
	if (test_bit(CONN_STREAMS_UP, &connection->flags)) {
		struct drbd_transport *transport = &connection->transport;

		drbd_stream_lock(connection, CONTROL_STREAM);
		if (test_bit(CONN_STREAMS_UP, &connection->flags))
			transport->class->ops->hint(transport, CONTROL_STREAM, DRBD_HINT_PUSH);
		drbd_stream_unlock(connection, CONTROL_STREAM);
	}
	/* Now there is something to confirm to a peer that holds our extents. */
	rcu_read_lock();
	idr_for_each_entry(&connection->peer_devices, pd, vnr)
		starving |= drbd_al_starving(pd->device);
	rcu_read_unlock();
	if (starving)
		drbd_confirm_stable(connection);
	wake_up_all(&connection->ee_wait);
}

void drbd_peer_ack_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, peer_ack_work);
	u64 mask, dagtag;

	while (drbd_next_peer_ack(connection, &mask, &dagtag)) {
		struct wire_peer_ack p = {
			.node_mask = cpu_to_be64(mask),
			.dagtag = cpu_to_be64(dagtag),
		};

		drbd_send_packet(connection, CONTROL_STREAM, P_PEER_ACK, -1, &p, sizeof(p));
	}
}

static void write_submit(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	blk_opf_t opf = REQ_OP_WRITE;

	/* A sender without a disk misses its own write. */
	if (READ_ONCE(pd->disk_state) < D_INCONSISTENT) {
		pr->flags &= ~PR_MAY_SET_IN_SYNC;
		pr->writer_marked = true;
		drbd_bm_set(pd->device, drbd_slot_bit(pd), pr->i.sector, pr->i.size, NULL);
	}
	if (pr->dp_flags & DP_RW_SYNC)
		opf |= REQ_SYNC;
	if (pr->dp_flags & DP_FUA)
		opf |= REQ_FUA;
	if (pr->dp_flags & DP_FLUSH)
		opf |= REQ_PREFLUSH;
	drbd_pr_submit(pr, opf);
}

static void write_al_granted(struct drbd_al_user *user, int err)
{
	struct drbd_peer_request *pr = container_of(user, struct drbd_peer_request, al);

	if (err) {
		pr->flags |= PR_FAILED;
		write_completed(pr);
		return;
	}
	pr->flags |= PR_IN_AL;
	write_submit(pr);
}

/* Nothing overlaps any more. */
static void write_go(struct drbd_peer_request *pr)
{
	struct drbd_connection *connection = pr->peer_device->connection;
	struct drbd_device *device = pr->peer_device->device;

	if (pr->flags & PR_CANCELED) {
		pr->flags |= PR_FAILED;
		write_completed(pr);
		return;
	}
	/* Granted by another thread it may be over and gone at any time. */
	if (drbd_al_begin(device, &pr->al))
		write_al_granted(&pr->al, 0);
	else if (drbd_al_starving(device))
		drbd_confirm_stable(connection);
}

static struct drbd_peer_device *volume_of(struct drbd_connection *connection,
					  struct drbd_packet_in *pi)
{
	struct drbd_peer_device *pd;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	if (!pd)
		pr_err("drbd %s %s: %s for volume %d, which does not exist here\n",
		       connection->resource->name, connection->name, pi->name, pi->vnr);
	return pd;
}

static bool range_ok(struct drbd_connection *connection, struct drbd_packet_in *pi,
		     struct drbd_peer_device *pd, u64 sector, u64 size, u64 max)
{
	u64 capacity = drbd_block_capacity(pd->device);

	/* The peer may have carried out first what was agreed. */
	if (sector + (size >> 9) > capacity && test_bit(DEV_RESIZING, &pd->device->flags)) {
		wait_event(pd->device->misc_wait, !test_bit(DEV_RESIZING, &pd->device->flags) ||
			   READ_ONCE(connection->cstate) < C_CONNECTED);
		capacity = drbd_block_capacity(pd->device);
	}
	if (size && IS_ALIGNED(size, 512) && size <= max && sector < capacity &&
	    sector + (size >> 9) <= capacity)
		return true;
	pr_err("drbd %s %s: %s with a bad range: sector %llu, %llu bytes (capacity %llu)\n",
	       connection->resource->name, connection->name, pi->name,
	       (unsigned long long)sector, (unsigned long long)size,
	       (unsigned long long)capacity);
	return false;
}

/* Two Primaries: the order of such writes would be another one on each side. req_lock held. */
static bool own_write_overlaps(struct drbd_device *device, sector_t sector, unsigned int size)
{
	struct drbd_interval *i;

	for_each_overlap(i, &device->writes, sector, size)
		if (i->type == INTERVAL_LOCAL_WRITE && test_bit(INTERVAL_SUBMITTED, &i->flags) &&
		    !test_bit(INTERVAL_COMPLETED, &i->flags))
			return true;
	return false;
}

/* P_DATA, P_TRIM, P_ZEROES */
int drbd_receive_data(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	bool payload = pi->cmd == P_DATA;
	const struct wire_trim *p = pi->data;
	struct crypto_shash *tfm = payload ? connection->peer_integrity_tfm : NULL;
	unsigned int ds = tfm ? crypto_shash_digestsize(tfm) : 0;
	u64 sector = be64_to_cpu(p->data.sector);
	u32 dp_flags = be32_to_cpu(p->data.dp_flags);
	struct drbd_peer_device *pd = volume_of(connection, pi);
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr;
	struct drbd_device *device;
	u8 digest[DRBD_MAX_DIGEST_SIZE];
	bool disk, go;
	u64 size;
	int err;

	if (!pd)
		return -EPROTO;
	device = pd->device;
	if (payload) {
		if (pi->bulk < ds) {
			pr_err("drbd %s %s: P_DATA too short for its digest\n",
			       resource->name, connection->name);
			return -EPROTO;
		}
		size = pi->bulk - ds;
	} else {
		size = be32_to_cpu(p->size);
	}
	if (dp_flags & DP_WSAME)
		return -EPROTO;
	if (!range_ok(connection, pi, pd, sector, size,
		      payload ? DRBD_MAX_BIO_SIZE : DRBD_MAX_DISCARD_SIZE))
		return -EPROTO;

	/* The peer may be faster than our own commit of the connect. */
	if (READ_ONCE(pd->repl_state) < L_ESTABLISHED &&
	    !wait_event_timeout(resource->state_wait, READ_ONCE(pd->repl_state) >= L_ESTABLISHED ||
				connection->cstate < C_CONNECTING, 5 * HZ)) {
		pr_err("drbd %s %s: %s before the connection is established\n",
		       resource->name, connection->name, pi->name);
		return -EPROTO;
	}
	disk = drbd_ldev_get(device, D_INCONSISTENT);
	pr = drbd_pr_alloc(pd, sector, size, payload);
	pr->block_id = p->data.block_id;
	pr->dp_flags = dp_flags;
	pr->i.type = INTERVAL_PEER_WRITE;
	pr->completed = write_completed;
	pr->go = write_go;
	pr->al.granted = write_al_granted;
	if (disk)
		pr->flags |= PR_HAS_LDEV;
	if (pi->cmd == P_TRIM)
		pr->flags |= connection->agreed_features & DRBD_FF_WZEROES ?
			PR_DISCARD : PR_DISCARD | PR_ZERO;
	if (pi->cmd == P_ZEROES)
		pr->flags |= PR_ZERO | (dp_flags & DP_DISCARD ? PR_DISCARD : 0);
	if ((dp_flags & DP_MAY_SET_IN_SYNC))
		pr->flags |= PR_MAY_SET_IN_SYNC;

	if (payload) {
		if (ds) {
			err = drbd_recv(connection, digest, ds);
			if (err)
				goto out_free;
		}
		err = drbd_pr_receive(pr);
		if (err)
			goto out_free;
		if (ds) {
			u8 mine[DRBD_MAX_DIGEST_SIZE];

			drbd_digest_pr(tfm, pr, mine);
			if (memcmp(mine, digest, ds)) {
				pr_err("drbd %s %s: digest mismatch of a write at sector %llu+%llu\n",
				       resource->name, connection->name, sector, size);
				err = -EPROTO;
				goto out_free;
			}
			pr->bio->bi_iter.bi_size = size;
		}
		atomic64_add(size >> 9, &pd->recv_cnt);
	}

	atomic_inc(&connection->active_writes);
	if (dp_flags & DP_SEND_RECEIVE_ACK)
		drbd_send_block_ack(pd, P_RECV_ACK, sector, size, pr->block_id, false);
	if (dp_flags & DP_SEND_WRITE_ACK) {
		pr->flags |= PR_UNACKED;
		atomic_inc(&pd->unacked);
	}

	spin_lock_irq(&resource->req_lock);
	if (resource->role == R_PRIMARY && own_write_overlaps(device, sector, size)) {
		spin_unlock_irq(&resource->req_lock);
		pr_alert("drbd %s %s: both nodes write sector %llu+%llu at the same time\n",
			 resource->name, connection->name, sector, size);
		if (atomic_dec_and_test(&connection->active_writes))
			wake_up_all(&connection->ee_wait);
		err = -EPROTO;
		goto out_free;
	}
	connection->cur_epoch.size++;
	connection->last_dagtag += size >> 9;
	connection->last_dagtag_valid = true;
	pr->dagtag = connection->last_dagtag;
	list_add_tail(&pr->recv_order, &connection->peer_writes);
	if (!disk) {
		pr->flags |= PR_NO_DISK | PR_FAILED;
		spin_unlock_irq(&resource->req_lock);
		write_completed(pr);
		return 0;
	}
	go = drbd_interval_enter(device, &pr->i);
	pr->flags |= PR_IN_INTERVALS;
	spin_unlock_irq(&resource->req_lock);
	drbd_dagtag_advanced(resource);
	if (go)
		write_go(pr);
	return 0;

out_free:
	drbd_pr_free(pr);
	return err;
}

/* Everything received before the barrier is on stable storage when this returns. */
static int drain_and_flush(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *pd;
	bool failed = false;
	int vnr, err = 0, rv;

	wait_event(connection->ee_wait, !atomic_read(&connection->active_writes) ||
		   connection->cstate < C_CONNECTED);
	if (connection->cstate < C_CONNECTED)
		return -ENOTCONN;
	if (resource->write_ordering < WO_BDEV_FLUSH)
		return 0;
	for_each_volume_of(pd, vnr, connection) {
		if (!drbd_ldev_get(pd->device, D_NEGOTIATING))
			continue;
		rv = drbd_backing_flush(pd->device);
		if (rv == -EOPNOTSUPP) {
			failed = true;
		} else if (rv) {
			drbd_io_error(pd->device, DRBD_IO_ERR_FLUSH);
			err = rv;
		}
		drbd_ldev_put(pd->device);
	}
	if (failed)
		drbd_bump_write_ordering(resource, WO_DRAIN_IO);
	return err;
}

int drbd_receive_barrier(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_barrier *p = pi->data;
	struct wire_barrier_ack ack = { .barrier = p->barrier };
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr;
	int err;

	err = drain_and_flush(connection);
	if (err)
		return err;
	/* The block acks of the epoch are out before its barrier ack. */
	flush_work(&connection->send_acks_work);
	mutex_lock(&connection->epoch_mutex);
	spin_lock_irq(&resource->req_lock);
	ack.set_size = cpu_to_be32(connection->cur_epoch.size);
	connection->cur_epoch.size = 0;
	/* Covered by this ack; those that a confirm-stable names belong to one epoch. */
	list_for_each_entry(pr, &connection->peer_writes, recv_order)
		pr->flags |= PR_CONFIRMED;
	spin_unlock_irq(&resource->req_lock);
	err = drbd_send_packet(connection, CONTROL_STREAM, P_BARRIER_ACK, -1, &ack, sizeof(ack));
	mutex_unlock(&connection->epoch_mutex);
	return err == -ENOTCONN ? 0 : err;
}

/*
 * Our activity log is too small for what the peer has in flight: tell it that
 * what is done is stable, so that its peer acks free extents (io-path.md 8.4).
 */
static void confirm_stable_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, confirm_work);
	struct drbd_resource *resource = connection->resource;
	struct wire_confirm_stable p = { };
	struct drbd_peer_request *pr;
	struct drbd_peer_device *pd;
	unsigned int n = 0;
	u64 last_dagtag = 0;
	int vnr, rv;

	flush_work(&connection->send_acks_work);
	mutex_lock(&connection->epoch_mutex);
	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(pr, &connection->peer_writes, recv_order) {
		if (pr->flags & PR_CONFIRMED)
			continue;
		if (!(pr->flags & PR_ACKED))
			break;
		/* The barrier ack is owed for one write at least (io-path.md 8.4). */
		if (n + 1 >= connection->cur_epoch.size)
			break;
		if (!n)
			p.oldest_block_id = pr->block_id;
		p.youngest_block_id = pr->block_id;
		last_dagtag = pr->dagtag;
		n++;
	}
	spin_unlock_irq(&resource->req_lock);
	if (!n || connection->agreed_pro_version < 114)
		goto out;
	for_each_volume_of(pd, vnr, connection) {
		if (!drbd_ldev_get(pd->device, D_NEGOTIATING))
			continue;
		rv = drbd_backing_flush(pd->device);
		drbd_ldev_put(pd->device);
		if (rv && rv != -EOPNOTSUPP) {
			drbd_peer_device_put(pd);
			goto out;
		}
	}
	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(pr, &connection->peer_writes, recv_order) {
		if ((s64)(pr->dagtag - last_dagtag) > 0)
			break;
		pr->flags |= PR_CONFIRMED;
	}
	connection->cur_epoch.size -= n;
	spin_unlock_irq(&resource->req_lock);
	p.set_size = cpu_to_be32(n);
	drbd_send_packet(connection, CONTROL_STREAM, P_CONFIRM_STABLE, -1, &p, sizeof(p));
out:
	mutex_unlock(&connection->epoch_mutex);
}

void drbd_confirm_stable(struct drbd_connection *connection)
{
	queue_work(drbd_io_wq, &connection->confirm_work);
}

void drbd_confirm_stable_init(struct drbd_connection *connection)
{
	mutex_init(&connection->epoch_mutex);
	INIT_WORK(&connection->confirm_work, confirm_stable_work);
}

int drbd_receive_dagtag(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_dagtag *p = pi->data;

	spin_lock_irq(&connection->resource->req_lock);
	connection->last_dagtag = be64_to_cpu(p->dagtag);
	connection->last_dagtag_valid = true;
	spin_unlock_irq(&connection->resource->req_lock);
	drbd_dagtag_advanced(connection->resource);
	return 0;
}

int drbd_receive_out_of_sync(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_block_range *p = pi->data;
	struct drbd_peer_device *pd = volume_of(connection, pi);
	u64 sector = be64_to_cpu(p->sector);
	u32 size = be32_to_cpu(p->size);

	if (!pd || !range_ok(connection, pi, pd, sector, size, DRBD_MAX_DISCARD_SIZE))
		return -EPROTO;
	/* Never ahead of a write that may clear the same bits. */
	wait_event(connection->ee_wait, !atomic_read(&connection->active_writes) ||
		   connection->cstate < C_CONNECTED);
	if (drbd_ldev_get(pd->device, D_NEGOTIATING)) {
		/*
		 * A target that fetches it without a note on its disk would not know,
		 * after a crash, that it may be lost: the source has crossed it off.
		 */
		if (drbd_bm_set(pd->device, drbd_slot_bit(pd), sector, size, NULL) &&
		    (drbd_is_sync_target(READ_ONCE(pd->repl_state)) ||
		     READ_ONCE(pd->repl_state) == L_WF_BITMAP_T))
			drbd_bm_write(pd->device);
		drbd_ldev_put(pd->device);
		drbd_resync_bits_set(pd, sector);
	}
	return 0;
}

/* -------------------------------------------------------------- peer acks */

/* All slots but the writer's: in @mask clear, else set. req_lock held. */
static void peer_ack_bits(struct drbd_connection *connection, struct drbd_peer_request *pr,
			  u64 mask)
{
	struct drbd_peer_device *pd = pr->peer_device, *other;
	struct drbd_device *device = pd->device;
	u32 set = BM_ALL_SLOTS & ~drbd_slot_bit(pd), clear = 0;

	if (!(pr->flags & PR_HAS_LDEV))
		return;
	if (pr->flags & PR_FAILED) {
		drbd_bm_set(device, BM_ALL_SLOTS, pr->i.sector, pr->i.size, NULL);
		return;
	}
	for_each_peer_device(other, device) {
		if (other == pd || !(mask & NODE_MASK(other->connection->peer_node_id)))
			continue;
		clear |= drbd_slot_bit(other);
	}
	set &= ~clear;
	if (set)
		drbd_bm_set(device, set, pr->i.sector, pr->i.size, NULL);
	if (clear)
		drbd_bm_clear(device, clear, pr->i.sector, pr->i.size, NULL);
}

/*
 * resync.md 6.3 leaves the writer's slot alone: its own log and bitmap know.  Not when it
 * is its metadata that failed.  Once only: a resync may have cleared the bits since.
 */
static void mark_for_writer(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;

	if (!(pr->flags & PR_HAS_LDEV) || pr->writer_marked)
		return;
	pr->writer_marked = true;
	drbd_bm_set(pd->device, drbd_slot_bit(pd), pr->i.sector, pr->i.size, NULL);
}

void drbd_writer_lost_disk(struct drbd_peer_device *pd)
{
	struct drbd_peer_request *pr;

	lockdep_assert_held(&pd->device->resource->req_lock);
	list_for_each_entry(pr, &pd->connection->peer_writes, recv_order)
		if (pr->peer_device == pd)
			mark_for_writer(pr);
}

static void release_peer_write(struct drbd_peer_request *pr)
{
	if (pr->flags & PR_IN_AL) {
		pr->flags &= ~PR_IN_AL;
		drbd_al_end(pr->peer_device->device, pr->i.sector, pr->i.size);
	}
}

int drbd_process_peer_ack(struct drbd_connection *connection, u64 mask, u64 dagtag)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr, *next;
	bool found = false;
	LIST_HEAD(done);

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry(pr, &connection->peer_writes, recv_order) {
		if (pr->dagtag == dagtag) {
			found = true;
			break;
		}
		if ((s64)(pr->dagtag - dagtag) > 0)
			break;
	}
	if (!found) {
		spin_unlock_irq(&resource->req_lock);
		pr_err("drbd %s %s: peer ack for unknown dagtag %llu\n", resource->name,
		       connection->name, (unsigned long long)dagtag);
		return -EPROTO;
	}
	list_for_each_entry_safe(pr, next, &connection->peer_writes, recv_order) {
		if ((s64)(pr->dagtag - dagtag) > 0)
			break;
		if (!(pr->flags & PR_ACKED)) {
			/* It says "stored" of something we have not finished. */
			spin_unlock_irq(&resource->req_lock);
			pr_err("drbd %s %s: peer ack for a write in flight, dagtag %llu\n",
			       resource->name, connection->name,
			       (unsigned long long)pr->dagtag);
			spin_lock_irq(&resource->req_lock);
			found = false;
			break;
		}
		peer_ack_bits(connection, pr, mask);
		if (!(mask & NODE_MASK(connection->peer_node_id)))
			mark_for_writer(pr);
		release_peer_write(pr);
		list_move_tail(&pr->recv_order, &done);
	}
	spin_unlock_irq(&resource->req_lock);
	list_for_each_entry_safe(pr, next, &done, recv_order) {
		list_del_init(&pr->recv_order);
		drbd_pr_free(pr);
	}
	return found ? 0 : -EPROTO;
}

void drbd_mark_unacked_peer_writes(struct drbd_resource *resource)
{
	struct drbd_connection *connection;
	struct drbd_peer_request *pr;

	lockdep_assert_held(&resource->req_lock);
	for_each_connection(connection, resource)
		list_for_each_entry(pr, &connection->peer_writes, recv_order)
			peer_ack_bits(connection, pr, 0);
}

/* Cancels what only waits for an overlap; the rest ends by itself. */
static void cancel_held(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr, *found;

	do {
		found = NULL;
		spin_lock_irq(&resource->req_lock);
		list_for_each_entry(pr, &connection->peer_writes, recv_order) {
			if ((pr->flags & PR_IN_INTERVALS) && !list_empty(&pr->i.wait_list)) {
				list_del_init(&pr->i.wait_list);
				pr->flags |= PR_CANCELED;
				found = pr;
				break;
			}
		}
		spin_unlock_irq(&resource->req_lock);
		if (found)
			write_go(found);
	} while (found);
}

/* Those that are finished give their extents back, so that the waiting ones can go on. */
static void release_acked(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_request *pr, *next;
	LIST_HEAD(done);

	spin_lock_irq(&resource->req_lock);
	list_for_each_entry_safe(pr, next, &connection->peer_writes, recv_order) {
		if (!(pr->flags & PR_ACKED))
			continue;
		peer_ack_bits(connection, pr, 0);
		release_peer_write(pr);
		list_move_tail(&pr->recv_order, &done);
	}
	spin_unlock_irq(&resource->req_lock);
	list_for_each_entry_safe(pr, next, &done, recv_order) {
		list_del_init(&pr->recv_order);
		drbd_pr_free(pr);
	}
}

void drbd_peer_requests_lost(struct drbd_connection *connection)
{
	cancel_held(connection);
	do {
		release_acked(connection);
		wait_event_timeout(connection->ee_wait,
				   !atomic_read(&connection->active_writes) &&
				   !atomic_read(&connection->backing_requests), HZ / 10);
		cancel_held(connection);
	} while (atomic_read(&connection->active_writes) ||
		 atomic_read(&connection->backing_requests));
	flush_work(&connection->send_acks_work);
	cancel_work_sync(&connection->confirm_work);
	release_acked(connection);
	connection->cur_epoch.size = 0;
}

/* ------------------------------------------------------------- remote reads */

static int send_read_reply(struct drbd_sender_work *sw, bool cancel)
{
	struct drbd_peer_request *pr = container_of(sw, struct drbd_peer_request, sw);
	struct drbd_peer_device *pd = pr->peer_device;
	int err = 0;

	if (!cancel) {
		if (pr->flags & PR_FAILED)
			err = drbd_send_block_ack(pd, P_NEG_DREPLY, pr->i.sector, pr->i.size,
						  pr->block_id, false);
		else
			err = drbd_send_data_reply(pr, P_DATA_REPLY);
	}
	drbd_pr_free(pr);
	return err;
}

int drbd_send_data_reply(struct drbd_peer_request *pr, u16 cmd)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct crypto_shash *tfm;
	unsigned int ds;
	u8 head[sizeof(struct wire_data) + DRBD_MAX_DIGEST_SIZE];
	struct wire_data *p = (struct wire_data *)head;
	int err;

	memset(p, 0, sizeof(*p));
	p->sector = cpu_to_be64(pr->i.sector);
	p->block_id = pr->block_id;
	if (cmd == P_RS_DATA_REPLY && connection->agreed_pro_version < 122)
		p->block_id = DRBD_ID_SYNCER;
	/* The algorithm changes between two packets. */
	drbd_stream_lock(connection, DATA_STREAM);
	tfm = connection->integrity_tfm;
	ds = tfm ? crypto_shash_digestsize(tfm) : 0;
	if (ds)
		drbd_digest_pr(tfm, pr, head + sizeof(*p));
	err = drbd_send_head(connection, DATA_STREAM, cmd, pd->device->vnr, head,
			     sizeof(*p) + ds, sizeof(*p) + ds + pr->i.size, true);
	if (!err)
		err = drbd_pr_send_pages(pr);
	drbd_stream_unlock(connection, DATA_STREAM);
	atomic64_add(pr->i.size >> 9, &pd->send_cnt);
	return err;
}

static void read_completed(struct drbd_peer_request *pr)
{
	drbd_queue_sender_work(pr->peer_device->connection, &pr->sw);
}

int drbd_receive_data_request(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_block_request *p = pi->data;
	struct drbd_peer_device *pd = volume_of(connection, pi);
	u64 sector = be64_to_cpu(p->sector);
	u32 size = be32_to_cpu(p->size);
	struct drbd_peer_request *pr;
	u64 block_id = p->block_id;

	if (!pd || !range_ok(connection, pi, pd, sector, size, DRBD_MAX_BIO_SIZE))
		return -EPROTO;
	if (!drbd_ldev_get(pd->device, D_UP_TO_DATE)) {
		drbd_send_block_ack(pd, P_NEG_DREPLY, sector, size, block_id, false);
		return 0;
	}
	/* Not ahead of writes that came before it on this stream. */
	wait_event(connection->ee_wait, !atomic_read(&connection->active_writes) ||
		   connection->cstate < C_CONNECTED);
	pr = drbd_pr_alloc(pd, sector, size, true);
	pr->flags |= PR_HAS_LDEV | PR_UNACKED;
	atomic_inc(&pd->unacked);
	pr->block_id = block_id;
	pr->completed = read_completed;
	pr->sw.fn = send_read_reply;
	drbd_pr_submit(pr, REQ_OP_READ);
	return 0;
}

/* Our own remote read comes back. */
int drbd_receive_data_reply(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_data *p = pi->data;
	struct drbd_peer_device *pd = volume_of(connection, pi);
	struct crypto_shash *tfm = connection->peer_integrity_tfm;
	unsigned int ds = tfm ? crypto_shash_digestsize(tfm) : 0;
	struct drbd_resource *resource = connection->resource;
	struct drbd_transport *transport = &connection->transport;
	struct bio_list done = BIO_EMPTY_LIST;
	u8 digest[DRBD_MAX_DIGEST_SIZE], mine[DRBD_MAX_DIGEST_SIZE];
	struct drbd_request *req;
	struct bvec_iter bi;
	struct iov_iter iter;
	struct bio_vec bv;
	unsigned int n = 0;
	bool good = true;
	ssize_t rv;
	int err;

	if (!pd)
		return -EPROTO;
	spin_lock_irq(&resource->req_lock);
	req = drbd_find_read(pd->device, be64_to_cpu(p->sector), p->block_id);
	if (req && !(req->pending & (1u << connection->peer_node_id)))
		req = NULL;
	spin_unlock_irq(&resource->req_lock);
	if (!req || pi->bulk != ds + req->i.size) {
		pr_err("drbd %s %s: unexpected data reply for sector %llu\n", resource->name,
		       connection->name, be64_to_cpu(p->sector));
		return -EPROTO;
	}
	if (ds) {
		err = drbd_recv(connection, digest, ds);
		if (err)
			return err;
	}
	/* The request stays ours: only this thread, or the cleanup it runs, ends the leg. */
	bio_for_each_bvec(bv, req->master_bio, bi)
		n++;
	bi = req->master_bio->bi_iter;
	iov_iter_bvec(&iter, ITER_DEST, __bvec_iter_bvec(req->master_bio->bi_io_vec, bi), n,
		      req->i.size);
	iter.iov_offset = bi.bi_bvec_done;
	rv = transport->class->ops->recv_iter(transport, DATA_STREAM, &iter);
	if (rv != req->i.size)
		return rv < 0 ? rv : -ECONNRESET;
	if (ds) {
		drbd_digest_bio(tfm, req->master_bio, mine);
		good = !memcmp(mine, digest, ds);
	}
	atomic64_add(req->i.size >> 9, &pd->recv_cnt);
	spin_lock_irq(&resource->req_lock);
	drbd_leg_event(req, connection->peer_node_id, good ? LEG_READ_DONE : LEG_READ_FAILED,
		       &done);
	spin_unlock_irq(&resource->req_lock);
	drbd_complete_bios(&done);
	return good ? 0 : -EPROTO;
}
