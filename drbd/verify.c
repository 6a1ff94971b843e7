// SPDX-License-Identifier: GPL-2.0-only
/* Online verify: both sides hash block by block.  resync.md 16. */
#include <linux/slab.h>
#include <crypto/hash.h>
#include "txn.h"
#include "resync.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "handshake.h"
#include "interval.h"
#include "netlink.h"
#include "peer_request.h"
#include "receiver.h"
#include "sender.h"
#include "core/packet.h"

#define pd_info(pd, fmt, ...) \
	pr_info("drbd %s/%d drbd%u %s: " fmt, (pd)->connection->resource->name, \
		(pd)->device->vnr, (pd)->device->minor, (pd)->connection->name, ##__VA_ARGS__)

/* ------------------------------------------------------------------ starting */

struct verify_start {
	struct drbd_peer_device *pd;
};

int drbd_do_verify(struct drbd_peer_device *pd, u64 start_sector, u64 stop_sector,
		   struct drbd_reply *reply)
{
	struct drbd_device *device = pd->device;
	unsigned int shift;
	u64 capacity;
	bool differ;
	int rv;

	if (!drbd_ldev_get(device, D_INCONSISTENT))
		return ERR_NO_DISK;
	rcu_read_lock();
	differ = pd->connection->cstate == C_CONNECTED &&
		strcmp(rcu_dereference(pd->connection->net_conf)->verify_alg,
		       pd->peer_verify_alg);
	if (differ)
		drbd_reply_text(reply, "Online verify refused: local verify-alg \"%s\" differs from peer verify-alg \"%s\"",
				rcu_dereference(pd->connection->net_conf)->verify_alg,
				pd->peer_verify_alg);
	rcu_read_unlock();
	if (differ) {
		drbd_ldev_put(device);
		return ERR_VERIFY_ALG;
	}
	shift = drbd_bm_block_shift(device) - 9;
	capacity = drbd_block_capacity(device);
	spin_lock_irq(&device->resource->req_lock);
	if (pd->repl_state != L_VERIFY_S) {
		if (start_sector == U64_MAX)
			start_sector = pd->ov.start_sector;
		if (start_sector >= capacity)
			start_sector = capacity ? capacity - 1 : 0;
		start_sector = start_sector >> shift << shift;
		pd->ov.start_sector = start_sector;
		pd->ov.position = start_sector;
		pd->ov.left = (capacity - start_sector + (1 << shift) - 1) >> shift;
		pd->ov.skipped = 0;
		pd->ov.last_oos_size = 0;
	}
	pd->ov.stop_sector = stop_sector;
	spin_unlock_irq(&device->resource->req_lock);
	if (pd->repl_state == L_VERIFY_S) {
		drbd_ldev_put(device);
		return SS_SUCCESS;
	}
	rv = drbd_change_repl_state(pd, L_VERIFY_S, CHG_VERBOSE | CHG_CLUSTER_WIDE | CHG_WAIT |
				    CHG_SERIALIZE, "verify", reply);
	drbd_ldev_put(device);
	return rv;
}

/* ----------------------------------------------------- results, on both sides */

static void out_of_sync_line(struct drbd_peer_device *pd)
{
	if (pd->ov.last_oos_size)
		pd_info(pd, "Out of sync: start=%llu, size=%llu (sectors)\n",
			pd->ov.last_oos_start, pd->ov.last_oos_size);
	pd->ov.last_oos_size = 0;
}

static void note_out_of_sync(struct drbd_peer_device *pd, sector_t sector, unsigned int size)
{
	if (pd->ov.last_oos_size && pd->ov.last_oos_start + pd->ov.last_oos_size == sector) {
		pd->ov.last_oos_size += size >> 9;
	} else {
		out_of_sync_line(pd);
		pd->ov.last_oos_start = sector;
		pd->ov.last_oos_size = size >> 9;
	}
	drbd_bm_set(pd->device, drbd_slot_bit(pd), sector, size, NULL);
}

struct verify_finish {
	struct work_struct work;
	struct drbd_peer_device *pd;
	u32 session;
};

/* Not the run of a later connection. */
static unsigned int verify_end(struct drbd_txn *t, void *arg)
{
	struct verify_finish *f = arg;
	struct core_peer_device *p = drbd_txn_pd(t, f->pd);

	if (p && drbd_is_verify(p->repl_state[DRBD_OLD]) &&
	    f->pd->connection->session == f->session)
		p->repl_state[DRBD_NEW] = L_ESTABLISHED;
	return 0;
}

static void finish_work(struct work_struct *work)
{
	struct verify_finish *f = container_of(work, struct verify_finish, work);
	struct drbd_peer_device *pd = f->pd;
	bool differ = false;

	out_of_sync_line(pd);
	/* Lost: then the state has changed already, and the next run begins where this one was. */
	if (!drbd_ping_peer(pd->connection))
		goto out;
	pd_info(pd, "Online verify done (%llu blocks skipped)\n", pd->ov.skipped);
	drbd_change(pd->device->resource, CHG_HARD, verify_end, f, "verify-finished", NULL, NULL);
	if (!pd->ov.left)
		pd->ov.start_sector = 0;
	if (drbd_ldev_get(pd->device, D_NEGOTIATING)) {
		differ = drbd_bm_weight(pd->device, pd->bitmap_index);
		drbd_ldev_put(pd->device);
	}
	if (differ)
		drbd_helper(pd->device, pd->connection, "out-of-sync");
out:
	kfree(f);
	drbd_peer_device_put(pd);
}

static void finish(struct drbd_peer_device *pd)
{
	struct verify_finish *f;
	bool already;

	spin_lock_irq(&pd->device->resource->req_lock);
	already = pd->rs.finishing;
	pd->rs.finishing = true;
	spin_unlock_irq(&pd->device->resource->req_lock);
	if (already)
		return;
	f = kmalloc(sizeof(*f), GFP_NOIO | __GFP_NOFAIL);
	INIT_WORK(&f->work, finish_work);
	drbd_peer_device_get(pd);
	f->pd = pd;
	f->session = READ_ONCE(pd->connection->session);
	queue_work(system_long_wq, &f->work);
}

void drbd_verify_peer_finished(struct drbd_peer_device *pd)
{
	if (pd->repl_state == L_VERIFY_T)
		finish(pd);
}

/* Everything up to the stop sector is asked for and answered; req_lock held. */
static bool stopped(struct drbd_peer_device *pd)
{
	u64 stop = pd->ov.stop_sector ?: U64_MAX;

	return pd->repl_state == L_VERIFY_S && list_empty(&pd->rs.requests) &&
		pd->ov.position >= min_t(u64, stop, drbd_block_capacity(pd->device));
}

static void block_done(struct drbd_peer_device *pd)
{
	bool end;

	spin_lock_irq(&pd->device->resource->req_lock);
	end = ((pd->ov.left && !--pd->ov.left) || stopped(pd)) && drbd_is_verify(pd->repl_state);
	spin_unlock_irq(&pd->device->resource->req_lock);
	if (end)
		finish(pd);
}

/* --------------------------------------------------------- VerifyS: asking */

static void request_gone(struct drbd_peer_request *pr, bool unfinished)
{
	struct drbd_peer_device *pd = pr->peer_device;

	spin_lock_irq(&pd->device->resource->req_lock);
	list_del_init(&pr->list);
	drbd_interval_leave(pd->device, &pr->i);
	if (unfinished && pr->i.sector < pd->ov.start_sector)
		pd->ov.start_sector = pr->i.sector;
	spin_unlock_irq(&pd->device->resource->req_lock);
	drbd_pr_free(pr);
	wake_up_all(&pd->connection->ee_wait);
}

static void request_done(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;

	drbd_peer_device_get(pd);
	request_gone(pr, false);
	block_done(pd);
	drbd_peer_device_put(pd);
}

void drbd_verify_lost(struct drbd_peer_request *pr)
{
	request_gone(pr, true);
}

void drbd_verify_canceled(struct drbd_peer_request *pr)
{
	pr->peer_device->ov.skipped++;
	request_done(pr);
}

unsigned int drbd_verify_tick(struct drbd_peer_device *pd, unsigned int blocks)
{
	struct drbd_device *device = pd->device;
	struct drbd_connection *connection = pd->connection;
	struct drbd_resource *resource = device->resource;
	bool dagtag = connection->agreed_features & DRBD_FF_RESYNC_DAGTAG;
	unsigned int block = 1 << drbd_bm_block_shift(device), done = 0;
	u64 capacity = drbd_block_capacity(device);
	u64 stop = pd->ov.stop_sector;
	bool end;

	if (!stop || stop > capacity)
		stop = capacity;
	/* The stop sector may have been moved to what is done already. */
	spin_lock_irq(&resource->req_lock);
	end = stopped(pd);
	spin_unlock_irq(&resource->req_lock);
	if (end)
		finish(pd);
	while (done < blocks && pd->ov.position < stop && pd->repl_state == L_VERIFY_S) {
		struct wire_dagtag_request p = { };
		struct drbd_peer_request *pr;
		unsigned int size = min_t(u64, block, (capacity - pd->ov.position) << 9);

		if (!drbd_ldev_get(device, D_INCONSISTENT))
			break;
		pr = drbd_pr_alloc(pd, pd->ov.position, size, false);
		pr->flags |= PR_HAS_LDEV | PR_READING;
		pr->i.type = INTERVAL_VERIFY_SOURCE;
		pr->block_id = (u64)(pd->ov.position + 1) << 8 | 1;
		p.sector = cpu_to_be64(pr->i.sector);
		p.block_id = pr->block_id;
		p.size = cpu_to_be32(size);
		if (dagtag && resource->role == R_PRIMARY) {
			p.dagtag_node_id = cpu_to_be32(drbd_node_id(resource));
			p.dagtag = cpu_to_be64(resource->dagtag);
		}
		spin_lock_irq(&resource->req_lock);
		list_add_tail(&pr->list, &pd->rs.requests);
		drbd_interval_enter(device, &pr->i);
		spin_unlock_irq(&resource->req_lock);
		pd->ov.position += size >> 9;
		done += DIV_ROUND_UP(size, 4096);
		atomic_inc(&pd->rs_pending);
		drbd_resync_requested(pd, size >> 9);
		if (drbd_send_packet(connection, DATA_STREAM,
				     dagtag ? P_OV_DAGTAG_REQ : P_OV_REQUEST, device->vnr, &p,
				     dagtag ? sizeof(p) : sizeof(struct wire_block_request)))
			break;
	}
	return done;
}

static void compare_and_tell(struct drbd_peer_request *pr)
{
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct crypto_shash *tfm = connection->verify_tfm;
	enum drbd_ov_result result = OV_RESULT_OUT_OF_SYNC;
	struct drbd_pkt_block_ack a;
	u8 digest[DRBD_MAX_DIGEST_SIZE], buf[sizeof(struct wire_ov_result)];
	unsigned int len;

	if (test_bit(INTERVAL_CONFLICT, &pr->i.flags)) {
		result = OV_RESULT_SKIP;
		pd->ov.skipped++;
	} else if (!(pr->flags & PR_FAILED) && tfm &&
		   crypto_shash_digestsize(tfm) == pr->digest_size) {
		drbd_digest_pr(tfm, pr, digest);
		if (!memcmp(digest, pr->digest, pr->digest_size))
			result = OV_RESULT_IN_SYNC;
	}
	if (result == OV_RESULT_OUT_OF_SYNC)
		note_out_of_sync(pd, pr->i.sector, pr->i.size);
	else
		out_of_sync_line(pd);

	a.sector = pr->i.sector;
	a.size = pr->i.size;
	a.block_id = pr->block_id;
	a.ov_result = result;
	drbd_stream_lock(connection, CONTROL_STREAM);
	a.seq_num = atomic_inc_return(&pd->packet_seq);
	if (connection->agreed_pro_version >= 122) {
		len = drbd_encode_ov_result(buf, &a);
	} else {
		a.block_id = drbd_ov_result_to_id(result);
		len = drbd_encode_block_ack(buf, &a);
	}
	drbd_send_head(connection, CONTROL_STREAM,
		       connection->agreed_pro_version >= 122 ? P_OV_RESULT_ID : P_OV_RESULT,
		       pd->device->vnr, buf, len, len, false);
	drbd_stream_unlock(connection, CONTROL_STREAM);
	request_done(pr);
}

static int compare_work(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_peer_request *pr = container_of(w, struct drbd_peer_request, sw);

	if (cancel)
		drbd_verify_lost(pr);
	else
		compare_and_tell(pr);
	return 0;
}

static void own_read_done(struct drbd_peer_request *pr)
{
	drbd_queue_sender_work(pr->peer_device->connection, &pr->sw);
}

int drbd_receive_ov_reply(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	struct drbd_peer_request *pr, *found = NULL;
	struct drbd_pkt_request rq;
	struct drbd_peer_device *pd;
	const char *why;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	why = drbd_decode_request(pi->cmd, pi->data, pi->len + pi->bulk,
				  connection->agreed_pro_version, &rq);
	if (!pd || why || rq.digest_size > DRBD_MAX_DIGEST_SIZE)
		return -EPROTO;
	spin_lock_irq(&connection->resource->req_lock);
	list_for_each_entry(pr, &pd->rs.requests, list) {
		if (pr->i.type == INTERVAL_VERIFY_SOURCE && (pr->flags & PR_READING) &&
		    pr->i.sector == rq.sector && pr->i.size == rq.size) {
			pr->flags &= ~PR_READING;
			found = pr;
			break;
		}
	}
	spin_unlock_irq(&connection->resource->req_lock);
	if (!found)
		return -EPROTO;
	atomic_dec(&pd->rs_pending);
	atomic_add(rq.size >> 9, &pd->rs.answered_sectors);
	found->digest_size = rq.digest_size;
	if (pi->bulk) {
		if (pi->bulk != rq.digest_size ||
		    drbd_recv(connection, found->digest, rq.digest_size)) {
			drbd_verify_lost(found);
			return -ECONNRESET;
		}
	} else {
		memcpy(found->digest, (const u8 *)pi->data + pi->len - rq.digest_size,
		       rq.digest_size);
	}
	drbd_resync_give_pages(found);
	found->completed = own_read_done;
	found->sw.fn = compare_work;
	drbd_pr_submit(found, REQ_OP_READ);
	return 0;
}

/* -------------------------------------------------------- VerifyT: answering */

static int send_ov_reply(struct drbd_sender_work *w, bool cancel)
{
	struct drbd_peer_request *pr = container_of(w, struct drbd_peer_request, sw);
	struct drbd_peer_device *pd = pr->peer_device;
	struct drbd_connection *connection = pd->connection;
	struct crypto_shash *tfm = connection->verify_tfm;
	bool dagtag = connection->agreed_features & DRBD_FF_RESYNC_DAGTAG, conflict;
	u8 buf[sizeof(struct wire_dagtag_request) + DRBD_MAX_DIGEST_SIZE];
	struct wire_dagtag_request *p = (void *)buf;
	unsigned int len, ds = tfm ? crypto_shash_digestsize(tfm) : 0;

	spin_lock_irq(&connection->resource->req_lock);
	conflict = test_bit(INTERVAL_CONFLICT, &pr->i.flags);
	drbd_interval_leave(pd->device, &pr->i);
	spin_unlock_irq(&connection->resource->req_lock);
	if (cancel)
		goto out;
	if (conflict || !ds) {
		pd->ov.skipped++;
		drbd_send_block_ack(pd, P_RS_CANCEL, pr->i.sector, pr->i.size, pr->block_id, false);
		block_done(pd);
		goto out;
	}
	memset(buf, 0, sizeof(buf));
	p->sector = cpu_to_be64(pr->i.sector);
	p->block_id = pr->block_id;
	p->size = cpu_to_be32(pr->i.size);
	len = dagtag ? sizeof(*p) : sizeof(struct wire_block_request);
	if (dagtag && connection->resource->role == R_PRIMARY) {
		p->dagtag_node_id = cpu_to_be32(drbd_node_id(connection->resource));
		p->dagtag = cpu_to_be64(connection->resource->dagtag);
	}
	if (!(pr->flags & PR_FAILED))
		drbd_digest_pr(tfm, pr, buf + len);
	drbd_send_packet(connection, DATA_STREAM, dagtag ? P_OV_DAGTAG_REPLY : P_OV_REPLY,
			 pd->device->vnr, buf, len + ds);
out:
	drbd_resync_serve_over(pr);
	return 0;
}

void drbd_verify_serve(struct drbd_peer_device *pd, struct drbd_peer_request *pr)
{
	struct drbd_connection *connection = pd->connection;

	if (pd->repl_state == L_VERIFY_T && !pd->ov.left) {
		unsigned int shift = drbd_bm_block_shift(pd->device) - 9;

		/* The first request tells where it starts. */
		pd->ov.start_sector = pr->i.sector;
		pd->ov.left = (drbd_block_capacity(pd->device) - pr->i.sector +
			       (1 << shift) - 1) >> shift;
		pd->ov.skipped = 0;
		pd->rs.total = pd->ov.left;
	}
	pd->ov.position = pr->i.sector;
	pr->i.type = INTERVAL_VERIFY_TARGET;
	pr->completed = own_read_done;
	pr->sw.fn = send_ov_reply;
	spin_lock_irq(&connection->resource->req_lock);
	list_add_tail(&pr->list, &connection->resync_source);
	drbd_interval_enter(pd->device, &pr->i);
	spin_unlock_irq(&connection->resource->req_lock);
	drbd_resync_give_pages(pr);
	drbd_pr_submit(pr, REQ_OP_READ);
}

/* The requester's verdict on a block. */
int drbd_verify_result(struct drbd_peer_device *pd, u16 cmd, const void *data, unsigned int len)
{
	struct drbd_pkt_block_ack a;
	enum drbd_ov_result result;
	const char *why;

	if (cmd == P_OV_RESULT_ID) {
		why = drbd_decode_ov_result(data, len, &a);
		result = a.ov_result;
	} else {
		why = drbd_decode_block_ack(data, len, &a);
		result = drbd_ov_result_of_id(a.block_id);
	}
	if (why || drbd_check_range(a.sector, a.size, drbd_block_capacity(pd->device)))
		return -EPROTO;
	if (result == OV_RESULT_OUT_OF_SYNC && drbd_ldev_get(pd->device, D_INCONSISTENT)) {
		note_out_of_sync(pd, a.sector, a.size);
		drbd_ldev_put(pd->device);
	} else {
		out_of_sync_line(pd);
	}
	block_done(pd);
	return 0;
}
