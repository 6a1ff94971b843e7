// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story of a connect, top to bottom: features, authentication, P_PROTOCOL,
 * the connect transaction with its introduction of every volume, the judgement
 * on each volume; then the packets that bring later news of the same kind.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <crypto/hash.h>
#include <crypto/algapi.h>
#include "txn.h"
#include "handshake.h"
#include "backing.h"
#include "bitmap.h"
#include "block.h"
#include "connection.h"
#include "generation.h"
#include "metadata.h"
#include "netlink.h"
#include "peer_request.h"
#include "receiver.h"
#include "request.h"
#include "resync.h"
#include "sender.h"
#include "core/size.h"

#define OUR_FEATURES (DRBD_FF_TRIM | DRBD_FF_THIN_RESYNC | DRBD_FF_WSAME | DRBD_FF_WZEROES | \
		      DRBD_FF_RESYNC_DAGTAG | DRBD_FF_2PC_V2 | DRBD_FF_RS_SKIP_UUID)

#define conn_err(c, fmt, ...) \
	pr_err("drbd %s %s: " fmt, (c)->resource->name, (c)->name, ##__VA_ARGS__)
#define conn_info(c, fmt, ...) \
	pr_info("drbd %s %s: " fmt, (c)->resource->name, (c)->name, ##__VA_ARGS__)
#define pd_info(pd, fmt, ...) \
	pr_info("drbd %s/%d drbd%u %s: " fmt, (pd)->connection->resource->name, \
		(pd)->device->vnr, (pd)->device->minor, (pd)->connection->name, ##__VA_ARGS__)
#define pd_err(pd, fmt, ...) \
	pr_err("drbd %s/%d drbd%u %s: " fmt, (pd)->connection->resource->name, \
	       (pd)->device->vnr, (pd)->device->minor, (pd)->connection->name, ##__VA_ARGS__)

/* ------------------------------------------------------- before the protocol */

static int raw_send(struct drbd_connection *connection, const void *buf, unsigned int len)
{
	struct drbd_transport *transport = &connection->transport;

	return transport->class->ops->send(transport, DATA_STREAM, buf, len, 0) == len ? 0 : -EIO;
}

/*
 * Existing receivers with data-integrity-alg look for a digest behind P_ZEROES that
 * nobody sends: there zeroes travel as P_TRIM, which without this feature means
 * the same.  io-path.md 4.10
 */
static u32 our_features(struct drbd_connection *connection)
{
	u32 features = OUR_FEATURES;

	rcu_read_lock();
	if (rcu_dereference(connection->net_conf)->integrity_alg[0])
		features &= ~DRBD_FF_WZEROES;
	rcu_read_unlock();
	return features;
}

/* wire.md 3.1 */
static int exchange_features(struct drbd_connection *connection)
{
	struct {
		struct wire_header80 h;
		struct wire_features f;
	} __packed p;
	int my_min = max_t(int, DRBD_PROTOCOL_VERSION_MIN, drbd_protocol_version_min);
	int me = drbd_node_id(connection->resource);
	u32 features = our_features(connection);
	u32 peer_min, peer_max;
	int err;

	memset(&p, 0, sizeof(p));
	p.h.magic = cpu_to_be32(DRBD_MAGIC_H80);
	p.h.command = cpu_to_be16(P_CONNECTION_FEATURES);
	p.h.length = cpu_to_be16(sizeof(p.f));
	p.f.protocol_min = cpu_to_be32(my_min);
	p.f.protocol_max = cpu_to_be32(DRBD_PROTOCOL_VERSION_MAX);
	p.f.feature_flags = cpu_to_be32(features);
	p.f.sender_node_id = cpu_to_be32(me);
	p.f.receiver_node_id = cpu_to_be32(connection->peer_node_id);
	if (raw_send(connection, &p, sizeof(p)))
		return 0;
	err = drbd_recv(connection, &p.h, sizeof(p.h));
	if (err)
		return 0;
	if (be32_to_cpu(p.h.magic) != DRBD_MAGIC_H80 ||
	    be16_to_cpu(p.h.command) != P_CONNECTION_FEATURES ||
	    be16_to_cpu(p.h.length) != sizeof(p.f)) {
		conn_err(connection, "expected the features packet, got magic 0x%08x command 0x%04x length %u\n",
			 be32_to_cpu(p.h.magic), be16_to_cpu(p.h.command),
			 be16_to_cpu(p.h.length));
		return -1;
	}
	err = drbd_recv(connection, &p.f, sizeof(p.f));
	if (err)
		return 0;
	peer_min = be32_to_cpu(p.f.protocol_min);
	peer_max = be32_to_cpu(p.f.protocol_max) ?: peer_min;
	if (DRBD_PROTOCOL_VERSION_MAX < peer_min || my_min > peer_max ||
	    (peer_max >= DRBD_PROTOCOL_HOLE_FIRST && peer_max <= DRBD_PROTOCOL_HOLE_LAST)) {
		conn_err(connection, "incompatible protocol versions: peer %u-%u, here %d-%d\n",
			 peer_min, peer_max, my_min, DRBD_PROTOCOL_VERSION_MAX);
		return -1;
	}
	connection->agreed_pro_version = min_t(u32, peer_max, DRBD_PROTOCOL_VERSION_MAX);
	connection->agreed_features = be32_to_cpu(p.f.feature_flags) & features;
	if (connection->agreed_pro_version == 121 &&
	    (connection->agreed_features & DRBD_FF_RESYNC_DAGTAG)) {
		conn_err(connection, "protocol 121 with dagtag resync is refused\n");
		return -1;
	}
	if (be32_to_cpu(p.f.sender_node_id) != connection->peer_node_id ||
	    be32_to_cpu(p.f.receiver_node_id) != me) {
		conn_err(connection, "wrong node ids: peer calls itself %d and us %d; expected %d and %d\n",
			 be32_to_cpu(p.f.sender_node_id), be32_to_cpu(p.f.receiver_node_id),
			 connection->peer_node_id, me);
		return 0;
	}
	conn_info(connection, "agreed on protocol version %d, feature flags 0x%x\n",
		  connection->agreed_pro_version, connection->agreed_features);
	return 1;
}

static int send_plain(struct drbd_connection *connection, u16 cmd, const void *payload,
		      unsigned int len)
{
	struct {
		struct wire_header100 h;
		u8 payload[DRBD_CHALLENGE_LEN];
	} p;

	memset(&p.h, 0, sizeof(p.h));
	p.h.magic = cpu_to_be32(DRBD_MAGIC_H100);
	p.h.volume = cpu_to_be16(DRBD_NO_VOLUME);
	p.h.command = cpu_to_be16(cmd);
	p.h.length = cpu_to_be32(len);
	memcpy(p.payload, payload, len);
	return raw_send(connection, &p, sizeof(p.h) + len);
}

/* 0, -EIO (try again), -EPROTO (wrong packet). */
static int recv_plain(struct drbd_connection *connection, u16 cmd, void *payload, unsigned int len)
{
	struct wire_header100 h;

	if (drbd_recv(connection, &h, sizeof(h)))
		return -EIO;
	if (be32_to_cpu(h.magic) != DRBD_MAGIC_H100 || be16_to_cpu(h.command) != cmd ||
	    be32_to_cpu(h.length) != len || h.pad) {
		conn_err(connection, "authentication: expected packet 0x%02x of %u bytes, got 0x%02x of %u\n",
			 cmd, len, be16_to_cpu(h.command), be32_to_cpu(h.length));
		return -EPROTO;
	}
	return drbd_recv(connection, payload, len) ? -EIO : 0;
}

static int hmac(struct crypto_shash *tfm, const u8 *challenge, u32 node_id, u8 *out)
{
	SHASH_DESC_ON_STACK(desc, tfm);
	__be32 id = cpu_to_be32(node_id);
	int err;

	desc->tfm = tfm;
	err = crypto_shash_init(desc);
	if (!err)
		err = crypto_shash_update(desc, challenge, DRBD_CHALLENGE_LEN);
	if (!err)
		err = crypto_shash_update(desc, (u8 *)&id, sizeof(id));
	if (!err)
		err = crypto_shash_final(desc, out);
	shash_desc_zero(desc);
	return err;
}

/* wire.md 3.4 */
static int authenticate(struct drbd_connection *connection, struct crypto_shash *tfm)
{
	u8 mine[DRBD_CHALLENGE_LEN], theirs[DRBD_CHALLENGE_LEN];
	u8 response[DRBD_MAX_DIGEST_SIZE], right[DRBD_MAX_DIGEST_SIZE];
	int me = drbd_node_id(connection->resource);
	char secret[64];
	unsigned int len = crypto_shash_digestsize(tfm);
	struct net_conf *nc;
	int rv = -1, err;

	rcu_read_lock();
	nc = rcu_dereference(connection->net_conf);
	strscpy(secret, nc->shared_secret, sizeof(secret));
	rcu_read_unlock();

	if (len > DRBD_MAX_DIGEST_SIZE || crypto_shash_setkey(tfm, secret, strlen(secret))) {
		conn_err(connection, "cannot use the shared secret\n");
		goto out;
	}
	rv = 0;
	get_random_bytes(mine, sizeof(mine));
	if (send_plain(connection, P_AUTH_CHALLENGE, mine, sizeof(mine)))
		goto out;
	err = recv_plain(connection, P_AUTH_CHALLENGE, theirs, sizeof(theirs));
	if (err) {
		rv = err == -EPROTO ? -1 : 0;
		goto out;
	}
	if (!memcmp(mine, theirs, sizeof(mine))) {
		conn_err(connection, "the peer sent our own challenge back\n");
		rv = -1;
		goto out;
	}
	if (hmac(tfm, theirs, me, response) ||
	    send_plain(connection, P_AUTH_RESPONSE, response, len))
		goto out;
	if (recv_plain(connection, P_AUTH_RESPONSE, response, len))
		goto out;
	if (hmac(tfm, mine, connection->peer_node_id, right))
		goto out;
	if (crypto_memneq(response, right, len)) {
		conn_err(connection, "authentication of the peer failed: different shared secret\n");
		rv = -1;
		goto out;
	}
	rv = 1;
out:
	memzero_explicit(secret, sizeof(secret));
	return rv;
}

int drbd_handshake_streams(struct drbd_connection *connection)
{
	struct crypto_shash *tfm;
	int rv = exchange_features(connection);

	tfm = READ_ONCE(connection->cram_hmac_tfm);
	if (rv == 1 && tfm)
		rv = authenticate(connection, tfm);
	return rv;
}

/* --------------------------------------------------------------- P_PROTOCOL */

struct protocol_packet {
	struct wire_protocol p;
	char alg[DRBD_WIRE_ALG_NAME_LEN];
} __packed;

/* Returns its length. */
static size_t fill_protocol(struct drbd_connection *connection, const struct net_conf *nc,
			    struct protocol_packet *p)
{
	u32 flags = 0;

	if (test_bit(CONN_DISCARD_MY_DATA, &connection->flags))
		flags |= CF_DISCARD_MY_DATA;
	if (test_bit(CONN_TENTATIVE, &connection->flags))
		flags |= CF_DRY_RUN;
	p->p.protocol = cpu_to_be32(nc->wire_protocol);
	p->p.after_sb_0p = cpu_to_be32(nc->after_sb_0p);
	p->p.after_sb_1p = cpu_to_be32(nc->after_sb_1p);
	p->p.after_sb_2p = cpu_to_be32(nc->after_sb_2p);
	p->p.conn_flags = cpu_to_be32(flags);
	p->p.two_primaries = cpu_to_be32(nc->two_primaries);
	strscpy_pad(p->alg, nc->integrity_alg, sizeof(p->alg));
	return sizeof(p->p) + strlen(p->alg) + 1;
}

static int send_protocol(struct drbd_connection *connection, u16 cmd)
{
	struct protocol_packet p;
	size_t len;

	rcu_read_lock();
	len = fill_protocol(connection, rcu_dereference(connection->net_conf), &p);
	rcu_read_unlock();
	return drbd_send_packet(connection, DATA_STREAM, cmd, -1, &p, len);
}

void drbd_send_new_integrity(struct drbd_connection *connection, const struct net_conf *nc)
{
	struct protocol_packet p;
	size_t len;

	if (connection->cstate != C_CONNECTED)
		return;
	len = fill_protocol(connection, nc, &p);
	drbd_send_head(connection, DATA_STREAM, P_PROTOCOL_UPDATE, -1, &p, len, len, false);
}

void drbd_send_protocol_update(struct drbd_connection *connection)
{
	if (connection->cstate == C_CONNECTED)
		send_protocol(connection, P_PROTOCOL_UPDATE);
}

int drbd_handshake_start(struct drbd_connection *connection)
{
	int err = send_protocol(connection, P_PROTOCOL);

	if (!err && drbd_node_id(connection->resource) < connection->peer_node_id)
		queue_delayed_work(system_long_wq, &connection->connect_work, 0);
	return err;
}

static unsigned int after_sb_swapped(unsigned int policy)
{
	return policy == ASB_DISCARD_LOCAL ? ASB_DISCARD_REMOTE :
		policy == ASB_DISCARD_REMOTE ? ASB_DISCARD_LOCAL : policy;
}

void drbd_conn_disconnecting(struct drbd_connection *connection, const char *tag)
{
	drbd_change_cstate(connection, C_DISCONNECTING, CHG_HARD, tag, NULL);
}

int drbd_receive_protocol(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_protocol *p = pi->data;
	const char *alg = (const char *)(p + 1);
	size_t alg_len = pi->len - sizeof(*p);
	struct crypto_shash *tfm = NULL, *old;
	const char *differs = NULL;
	struct net_conf *nc;
	u32 flags = be32_to_cpu(p->conn_flags);

	if (alg_len < 1 || alg_len > DRBD_WIRE_ALG_NAME_LEN || alg[alg_len - 1]) {
		conn_err(connection, "%s: malformed algorithm name\n", pi->name);
		return -EPROTO;
	}
	if (*alg) {
		tfm = crypto_alloc_shash(alg, 0, 0);
		if (IS_ERR(tfm)) {
			conn_err(connection, "peer data-integrity-alg %s is not available here\n", alg);
			drbd_conn_disconnecting(connection, "protocol");
			return -EIO;
		}
	}
	if (pi->cmd == P_PROTOCOL) {
		rcu_read_lock();
		nc = rcu_dereference(connection->net_conf);
		if (be32_to_cpu(p->protocol) != nc->wire_protocol)
			differs = "protocol";
		else if (after_sb_swapped(be32_to_cpu(p->after_sb_0p)) != nc->after_sb_0p)
			differs = "after-sb-0pri";
		else if (after_sb_swapped(be32_to_cpu(p->after_sb_1p)) != nc->after_sb_1p)
			differs = "after-sb-1pri";
		else if (after_sb_swapped(be32_to_cpu(p->after_sb_2p)) != nc->after_sb_2p)
			differs = "after-sb-2pri";
		else if ((flags & CF_DISCARD_MY_DATA) &&
			 test_bit(CONN_DISCARD_MY_DATA, &connection->flags))
			differs = "discard-my-data";
		else if (be32_to_cpu(p->two_primaries) != nc->two_primaries)
			differs = "allow-two-primaries";
		else if (strcmp(alg, nc->integrity_alg))
			differs = "data-integrity-alg";
		rcu_read_unlock();
		if (flags & CF_DRY_RUN)
			set_bit(CONN_PEER_TENTATIVE, &connection->flags);
	} else {
		struct net_conf *new = kmalloc(sizeof(*new), GFP_KERNEL);

		if (!new) {
			crypto_free_shash(tfm);
			return -ENOMEM;
		}
		mutex_lock(&connection->resource->conf_mutex);
		nc = rcu_dereference_protected(connection->net_conf, true);
		*new = *nc;
		new->wire_protocol = be32_to_cpu(p->protocol);
		new->after_sb_0p = after_sb_swapped(be32_to_cpu(p->after_sb_0p));
		new->after_sb_1p = after_sb_swapped(be32_to_cpu(p->after_sb_1p));
		new->after_sb_2p = after_sb_swapped(be32_to_cpu(p->after_sb_2p));
		new->two_primaries = be32_to_cpu(p->two_primaries);
		if (new->wire_protocol < DRBD_PROT_A || new->wire_protocol > DRBD_PROT_C)
			new->wire_protocol = nc->wire_protocol;
		rcu_assign_pointer(connection->net_conf, new);
		mutex_unlock(&connection->resource->conf_mutex);
		synchronize_rcu();
		kfree(nc);
	}
	if (differs) {
		conn_err(connection, "incompatible setting %s\n", differs);
		crypto_free_shash(tfm);
		drbd_conn_disconnecting(connection, "protocol");
		return -EIO;
	}
	old = connection->peer_integrity_tfm;
	connection->peer_integrity_tfm = tfm;
	crypto_free_shash(old);
	return 0;
}

/* ---------------------------------------------------------- P_SYNC_PARAM89 */

void drbd_send_sync_param(struct drbd_peer_device *pd)
{
	struct wire_sync_param p;
	struct peer_device_conf *conf;
	struct net_conf *nc;

	memset(&p, 0, sizeof(p));
	rcu_read_lock();
	nc = rcu_dereference(pd->connection->net_conf);
	conf = rcu_dereference(pd->conf);
	p.resync_rate = cpu_to_be32(conf->resync_rate);
	strscpy(p.verify_alg, nc->verify_alg, sizeof(p.verify_alg));
	strscpy(p.csums_alg, nc->csums_alg, sizeof(p.csums_alg));
	p.c_plan_ahead = cpu_to_be32(conf->c_plan_ahead);
	p.c_delay_target = cpu_to_be32(conf->c_delay_target);
	p.c_fill_target = cpu_to_be32(conf->c_fill_target);
	p.c_max_rate = cpu_to_be32(conf->c_max_rate);
	rcu_read_unlock();
	drbd_send_packet(pd->connection, DATA_STREAM, P_SYNC_PARAM89, pd->device->vnr, &p,
			 sizeof(p));
}

static struct drbd_peer_device *known_volume(struct drbd_connection *connection,
					     struct drbd_packet_in *pi)
{
	struct drbd_peer_device *pd;

	rcu_read_lock();
	pd = drbd_connection_peer_device(connection, pi->vnr);
	rcu_read_unlock();
	if (!pd)
		pr_warn_ratelimited("drbd %s %s: %s for volume %d, which is not configured here\n",
				    connection->resource->name, connection->name, pi->name,
				    pi->vnr);
	return pd;
}

int drbd_receive_sync_param(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_sync_param *p = pi->data;
	struct drbd_peer_device *pd = known_volume(connection, pi);
	bool csums_differ;

	if (!pd)
		return 0;
	if (memchr(p->verify_alg, 0, sizeof(p->verify_alg)) == NULL ||
	    memchr(p->csums_alg, 0, sizeof(p->csums_alg)) == NULL) {
		conn_err(connection, "%s: algorithm name without end\n", pi->name);
		return -EPROTO;
	}
	rcu_read_lock();
	csums_differ = strcmp(p->csums_alg, rcu_dereference(connection->net_conf)->csums_alg);
	rcu_read_unlock();
	strscpy(pd->peer_verify_alg, p->verify_alg, sizeof(pd->peer_verify_alg));
	if (connection->cstate < C_CONNECTED && csums_differ) {
		conn_err(connection, "incompatible setting csums-alg\n");
		drbd_conn_disconnecting(connection, "sync-param");
		return -EIO;
	}
	return 0;
}

/* ------------------------------------------------------------------ P_SIZES */

int drbd_send_sizes(struct drbd_peer_device *pd, u64 u_size, u32 dds_flags)
{
	struct drbd_device *device = pd->device;
	struct drbd_size_view v;
	struct wire_sizes p;
	struct queue_limits lim;

	memset(&p, 0, sizeof(p));
	drbd_size_view_fill(device, &v);
	p.d_size = cpu_to_be64(drbd_size_d_size(&v));
	p.u_size = cpu_to_be64(u_size ?: v.u_size);
	p.c_size = cpu_to_be64(v.capacity);
	p.dds_flags = cpu_to_be16(dds_flags);
	p.max_bio_size = cpu_to_be32(DRBD_MAX_BIO_SIZE);
	if (drbd_ldev_get(device, D_NEGOTIATING)) {
		struct block_device *bdev = device->ldev->backing_bdev;

		lim = bdev_get_queue(bdev)->limits;
		p.max_bio_size = cpu_to_be32(min_t(u64, (u64)lim.max_hw_sectors << 9,
						   DRBD_MAX_BIO_SIZE));
		p.limits.alignment_offset = cpu_to_be32(lim.alignment_offset);
		p.limits.discard_enabled = bdev_max_discard_sectors(bdev) != 0;
		drbd_ldev_put(device);
	} else {
		lim = device->vdisk->queue->limits;
	}
	p.limits.physical_block_size = cpu_to_be32(lim.physical_block_size);
	p.limits.logical_block_size = cpu_to_be32(lim.logical_block_size);
	p.limits.io_min = cpu_to_be32(lim.io_min);
	p.limits.io_opt = cpu_to_be32(lim.io_opt);
	return drbd_send_packet(pd->connection, DATA_STREAM, P_SIZES, device->vnr, &p,
				pd->connection->agreed_features & DRBD_FF_WSAME ?
				sizeof(p) : DRBD_SIZES_OLD_SIZE);
}

static bool limits_ok(const struct wire_queue_limits *l)
{
	u32 log = be32_to_cpu(l->logical_block_size), phys = be32_to_cpu(l->physical_block_size);

	return is_power_of_2(log) && is_power_of_2(phys) && log >= 512 && log <= phys &&
		log <= PAGE_SIZE;
}

/* Does another peer that is in sight have less room than this one offers? */
static bool smaller_visible(struct drbd_peer_device *pd, u64 d_size, u64 u_size, u64 c_size)
{
	u64 offer = drbd_size_min_known(drbd_size_min_known(c_size, u_size), d_size);
	struct drbd_peer_device *other;
	bool smaller = false;

	spin_lock_irq(&pd->device->resource->req_lock);
	for_each_peer_device(other, pd->device)
		smaller |= other != pd && test_bit(PD_HAVE_SIZES, &other->flags) &&
			other->max_size && other->max_size < offer;
	spin_unlock_irq(&pd->device->resource->req_lock);
	return smaller;
}

/* The size is agreed and in effect: what of the device has the peer not had so far? */
static void consider_new_space(struct drbd_peer_device *pd, sector_t old, u64 peer_size,
			       bool handshake, bool no_resync)
{
	struct drbd_device *device = pd->device;
	sector_t now = drbd_block_capacity(device);

	if (no_resync)
		return;
	if (handshake) {
		u64 common = drbd_size_new_space(old, peer_size, now);

		if (common < now && pd->d_size) {
			spin_lock_irq(&device->resource->req_lock);
			pd->new_space = common;
			pd->core_flags |= CORE_PD_NEW_SPACE;
			spin_unlock_irq(&device->resource->req_lock);
		}
	} else if (peer_size == now &&
		   test_and_clear_bit(PD_ANSWER_STARTS_RESYNC, &pd->flags)) {
		drbd_resync_new_space(pd, READ_ONCE(pd->connection->session));
	}
	if (old && now > old)
		drbd_device_grew(device, old);
}

int drbd_receive_sizes(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_sizes *p = pi->data;
	struct drbd_peer_device *pd = known_volume(connection, pi);
	bool handshake = connection->cstate < C_CONNECTED || (pd && pd->repl_state < L_ESTABLISHED);
	struct drbd_size_decision d;
	struct drbd_size_offer offer;
	struct drbd_size_view v;
	struct drbd_device *device;
	u64 old_capacity;

	if (!pd)
		return 0;
	device = pd->device;
	if (connection->agreed_features & DRBD_FF_WSAME) {
		if (!limits_ok(&p->limits)) {
			pd_err(pd, "P_SIZES: bad block sizes %u/%u\n",
			       be32_to_cpu(p->limits.logical_block_size),
			       be32_to_cpu(p->limits.physical_block_size));
			return -EPROTO;
		}
		pd->q_limits.physical_block_size = be32_to_cpu(p->limits.physical_block_size);
		pd->q_limits.logical_block_size = be32_to_cpu(p->limits.logical_block_size);
		pd->q_limits.alignment_offset = be32_to_cpu(p->limits.alignment_offset);
		pd->q_limits.io_min = be32_to_cpu(p->limits.io_min);
		pd->q_limits.io_opt = be32_to_cpu(p->limits.io_opt);
		pd->q_limits.discard_enabled = p->limits.discard_enabled;
	} else {
		pd->q_limits.physical_block_size = 512;
		pd->q_limits.logical_block_size = 512;
		pd->q_limits.alignment_offset = 0;
		pd->q_limits.io_min = 512;
		pd->q_limits.io_opt = PAGE_SIZE;
	}
	pd->q_limits.max_bio_size = min_t(u32, be32_to_cpu(p->max_bio_size), DRBD_MAX_BIO_SIZE);

	offer.d_size = be64_to_cpu(p->d_size);
	offer.u_size = be64_to_cpu(p->u_size);
	offer.c_size = be64_to_cpu(p->c_size);
	offer.dds_flags = be16_to_cpu(p->dds_flags);
	offer.handshake = handshake;
	offer.peer_diskless = offer.d_size == 0;
	offer.smaller_visible = smaller_visible(pd, offer.d_size, offer.u_size, offer.c_size);

	if (handshake)
		clear_bit(PD_ANSWER_STARTS_RESYNC, &pd->flags);
	old_capacity = drbd_block_capacity(device);
	pd->d_size = offer.d_size;
	pd->u_size = offer.u_size;
	pd->c_size = offer.c_size;
	if (offer.d_size)
		pd->max_size = offer.d_size;
	set_bit(PD_HAVE_SIZES, &pd->flags);
	drbd_size_view_fill(device, &v);
	drbd_size_receive(&v, &offer, &d);
	if (d.cap_too_big)
		pd_err(pd, "Requested disk size is too big\n");
	switch (d.verdict) {
	case DRBD_SIZE_UNCHANGED:
		if (!v.own_limit || d.u_size == v.u_size)
			break;
		fallthrough;
	case DRBD_SIZE_CHANGED:
		if (drbd_ldev_get(device, D_NEGOTIATING)) {
			enum drbd_size_change c = drbd_set_size(device, d.size, d.u_size,
				d.no_resync ? DRBD_DDS_NO_RESYNC : 0, connection, NULL);

			drbd_ldev_put(device);
			if (c == DRBD_SIZE_ERROR && connection->cstate < C_CONNECTING)
				return -ECONNRESET;
			if (c == DRBD_SIZE_ERROR)
				goto refuse;
		} else {
			drbd_block_set_capacity(device, d.size);
		}
		break;
	case DRBD_SIZE_BOGUS:
		pd_err(pd, "P_SIZES contradicts itself: disk %llu, user %llu, current %llu\n",
		       offer.d_size, offer.u_size, offer.c_size);
		goto refuse;
	case DRBD_SIZE_PEER_TOO_SMALL:
		pd_err(pd, "The peer's disk size is too small! (%llu < %llu sectors)\n",
		       offer.d_size, v.capacity);
		goto refuse;
	case DRBD_SIZE_OWN_TOO_SMALL:
		pd_err(pd, "own disk is too small: %llu < %llu sectors\n", v.own_limit,
		       offer.c_size);
		goto refuse;
	case DRBD_SIZE_PEER_DEVICE_TOO_SMALL:
		pd_err(pd, "The peer's device size is too small! (%llu < %llu sectors); demote me first!\n",
		       offer.c_size, v.capacity);
		goto refuse;
	}
	drbd_block_update_limits(device);
	if (old_capacity != drbd_block_capacity(device)) {
		struct drbd_peer_device *other;
		int n = 0;

		/* Everybody learns of the new size; a peer whose size it is does not answer. */
		for (;;) {
			struct drbd_peer_device *send_to = NULL;
			int i = 0;

			rcu_read_lock();
			for_each_peer_device(other, device) {
				if (i++ == n) {
					send_to = other;
					drbd_peer_device_get(other);
					break;
				}
			}
			rcu_read_unlock();
			if (!send_to)
				break;
			n++;
			if (send_to->repl_state >= L_ESTABLISHED)
				drbd_send_sizes(send_to, 0, d.no_resync ? DRBD_DDS_NO_RESYNC : 0);
			drbd_peer_device_put(send_to);
		}
	}
	if (v.own_limit)
		consider_new_space(pd, old_capacity, offer.c_size, handshake, d.no_resync);
	return 0;
refuse:
	pd->max_size = 0;
	clear_bit(PD_HAVE_SIZES, &pd->flags);
	if (test_bit(CONN_HANDSHAKE, &connection->flags)) {
		set_bit(PD_HANDSHAKE_DISCONNECT, &pd->flags);
		return 0;
	}
	drbd_conn_disconnecting(connection, "sizes");
	return -EIO;
}

/* ------------------------------------------------------------------- UUIDs */

/* What a node without a disk has to say.  Returns the length of the packet, as the next. */
static int build_current_uuid(const struct drbd_txn *t, int d, struct wire_current_uuid *p)
{
	p->uuid = cpu_to_be64(t->devices[d]->exposed_data_uuid);
	p->weak_nodes = cpu_to_be64(drbd_weak_nodes(&t->core, &t->core.dev[d], DRBD_OLD));
	return sizeof(*p);
}

static int build_uuids110(struct drbd_uuid_packet *pkt, struct wire_uuids110 *p)
{
	__be64 *q = (__be64 *)(p + 1);
	unsigned int n;

	p->current_uuid = cpu_to_be64(pkt->cur);
	p->dirty_bits = cpu_to_be64(pkt->dirty_bits);
	p->uuid_flags = cpu_to_be64(pkt->flags);
	p->node_mask = cpu_to_be64(pkt->node_mask);
	p->bitmap_uuids_mask = cpu_to_be64(pkt->bitmap_mask);
	for (n = 0; n < DRBD_UUID_NODES; n++)
		if (pkt->bitmap_mask & NODE_MASK(n))
			*q++ = cpu_to_be64(pkt->bitmap[n]);
	for (n = 0; n < DRBD_UUID_HISTORY; n++)
		*q++ = cpu_to_be64(pkt->history[n]);
	return (u8 *)q - (u8 *)p;
}

int drbd_send_uuids(struct drbd_peer_device *pd, u64 flags, u64 node_mask)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	u32 session = READ_ONCE(connection->session);
	struct drbd_uuid_packet *pkt;
	struct wire_uuids110 *p;
	struct drbd_txn *t;
	u16 cmd = P_UUIDS110;
	int c, d, len, err = -ENODEV;

	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	pkt = kzalloc(sizeof(*pkt), GFP_NOIO | __GFP_NOFAIL);
	p = kzalloc(sizeof(*p) + 64 * sizeof(__be64), GFP_NOIO | __GFP_NOFAIL);
	/* The peer keeps what comes last: that must not be the older one. */
	drbd_stream_lock(connection, DATA_STREAM);
	t = drbd_txn_begin(device->resource, "uuids");
	c = drbd_txn_conn(t, connection);
	d = drbd_txn_dev(t, device);
	if (c < 0 || d < 0 || connection->session != session) {
		drbd_txn_abort(t);
		goto out;
	}
	if (device->disk_state < D_NEGOTIATING) {
		cmd = P_CURRENT_UUID;
		len = build_current_uuid(t, d, (struct wire_current_uuid *)p);
	} else {
		drbd_uuid_packet_build(&t->core, d, c, flags, node_mask, pkt);
		pd->comm_current_uuid = pkt->cur;
		pd->comm_bitmap_uuid = t->uuid_sets[d].bitmap[connection->peer_node_id];
		pd->comm_uuid_flags = pkt->flags;
		pd->comm_dirty_bits = pkt->dirty_bits;
		len = build_uuids110(pkt, p);
	}
	drbd_txn_abort(t);
	err = drbd_send_head(connection, DATA_STREAM, cmd, device->vnr, p, len, len, false);
out:
	drbd_stream_unlock(connection, DATA_STREAM);
	kfree(p);
	kfree(pkt);
	return err;
}

/* Marks of resync.md 5.4, when UUIDs arrive before the connection is established. */
static void note_missed_end(struct drbd_peer_device *pd)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	struct drbd_uuid_missed_end m;
	struct drbd_uuid_set *set;
	struct drbd_txn *t;
	bool sync_target = false;
	u64 resolved;
	int c, d;

	/* What counts is what was sent for this attempt, not for an earlier one. */
	wait_event_timeout(device->resource->state_wait,
			   test_bit(PD_INITIAL_STATE_SENT, &pd->flags) ||
			   connection->cstate < C_CONNECTING, HZ);
	if (!test_bit(PD_INITIAL_STATE_SENT, &pd->flags))
		return;
	t = drbd_txn_begin(device->resource, "uuids");
	c = drbd_txn_conn(t, connection);
	d = drbd_txn_dev(t, device);
	if (c < 0 || d < 0 || !t->core.dev[d].uuids) {
		drbd_txn_abort(t);
		return;
	}
	set = &t->uuid_sets[d];
	resolved = drbd_uuid_resolved_current(&t->core, d, c, &sync_target);
	drbd_uuid_missed_end(set, connection->peer_node_id, &pd->uuids, pd->comm_bitmap_uuid,
			     resolved, sync_target, pd->comm_dirty_bits,
			     connection->agreed_pro_version, &m);
	pd->missed_end_self = m.source_missed;
	pd->missed_end_peer = m.peer_missed;
	if (m.clear_bitmap_uuid) {
		drbd_uuid_set_bitmap(set, connection->peer_node_id, 0, 0);
		drbd_uuid_set_store(device, set);
		pd->comm_bitmap_uuid = 0;
	}
	drbd_txn_abort(t);
}

int drbd_receive_uuids110(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_uuids110 *p = pi->data;
	struct drbd_peer_device *pd = known_volume(connection, pi);
	struct drbd_device *device;
	struct drbd_uuid_packet *pkt;
	struct drbd_uuid_set *set;
	const __be64 *q = (const __be64 *)(p + 1);
	unsigned int words, n, b;
	bool ok;

	if (!pd)
		return 0;
	device = pd->device;
	words = (pi->len - sizeof(*p)) / sizeof(*q);
	pkt = kzalloc(sizeof(*pkt), GFP_NOIO | __GFP_NOFAIL);
	pkt->cur = be64_to_cpu(p->current_uuid);
	pkt->dirty_bits = be64_to_cpu(p->dirty_bits);
	pkt->flags = be64_to_cpu(p->uuid_flags);
	pkt->node_mask = be64_to_cpu(p->node_mask);
	pkt->bitmap_mask = be64_to_cpu(p->bitmap_uuids_mask);
	b = hweight64(pkt->bitmap_mask);
	if (b > words || (pkt->bitmap_mask >> DRBD_UUID_NODES) ||
	    (pi->len - sizeof(*p)) % sizeof(*q)) {
		pd_err(pd, "P_UUIDS110: %u bytes do not fit bitmap mask 0x%llx\n", pi->len,
		       pkt->bitmap_mask);
		kfree(pkt);
		return -EPROTO;
	}
	for (n = 0; n < DRBD_UUID_NODES; n++)
		if (pkt->bitmap_mask & NODE_MASK(n))
			pkt->bitmap[n] = be64_to_cpu(*q++);
	for (n = 0; n < DRBD_UUID_HISTORY && n < words - b; n++)
		pkt->history[n] = be64_to_cpu(*q++);

	set = kzalloc(sizeof(*set), GFP_NOIO | __GFP_NOFAIL);
	spin_lock_irq(&device->resource->req_lock);
	if (device->ldev && device->disk_state >= D_NEGOTIATING) {
		drbd_uuid_set_load(device, set);
		ok = drbd_uuid_packet_absorb(&pd->uuids, set, pkt);
		if (ok)
			drbd_uuid_set_store(device, set);
	} else {
		ok = drbd_uuid_packet_absorb(&pd->uuids, set, pkt);
	}
	pd->uuids.received = ok;
	spin_unlock_irq(&device->resource->req_lock);
	kfree(set);
	kfree(pkt);
	if (!ok)
		return -EPROTO;

	if (pd->repl_state < L_ESTABLISHED && connection->cstate < C_CONNECTED)
		note_missed_end(pd);
	else
		drbd_generation_peer_uuids(pd);
	drbd_notify_peer_device(pd);
	return 0;
}

int drbd_receive_current_uuid(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_current_uuid *p = pi->data;
	struct drbd_peer_device *pd = known_volume(connection, pi);
	struct drbd_device *device;
	u64 uuid = be64_to_cpu(p->uuid);

	if (!pd)
		return 0;
	device = pd->device;
	spin_lock_irq(&device->resource->req_lock);
	pd->uuids.cur = uuid;
	pd->uuids.received = true;
	spin_unlock_irq(&device->resource->req_lock);
	if (connection->cstate == C_CONNECTED && connection->peer_role == R_PRIMARY)
		drbd_generation_peer_current(pd, uuid, be64_to_cpu(p->weak_nodes));
	drbd_notify_peer_device(pd);
	return 0;
}

/* ------------------------------------------------------------------- P_STATE */

/*
 * Our COMMIT is out, and its change not yet in effect here: the state of today
 * behind it in the stream would take it back.
 */
static bool commit_under_way(struct drbd_connection *connection)
{
	struct drbd_twopc *slot = &connection->resource->twopc;

	return slot->owner == TWOPC_INITIATOR && slot->committing &&
		slot->req.type != TWOPC_TYPE_RESIZE &&
		(slot->prepared & NODE_MASK(connection->peer_node_id));
}

static bool own_commit(struct drbd_connection *connection)
{
	bool yes;

	spin_lock_irq(&connection->resource->req_lock);
	yes = commit_under_way(connection);
	spin_unlock_irq(&connection->resource->req_lock);
	return yes;
}

int drbd_send_state(struct drbd_peer_device *pd)
{
	struct drbd_connection *connection = pd->connection;
	u32 session = READ_ONCE(connection->session);
	struct wire_state p;
	struct drbd_txn *t;
	int c, d, err;

	if (!test_bit(CONN_STREAMS_UP, &connection->flags))
		return -ENOTCONN;
	/* The word and its place in the stream must not be separated: a younger
	 * state may not be overtaken by an older one. */
again:
	drbd_stream_lock(connection, DATA_STREAM);
	t = drbd_txn_begin(pd->device->resource, "state");
	if (connection->session != session) {
		drbd_txn_abort(t);
		drbd_stream_unlock(connection, DATA_STREAM);
		return -ENOTCONN;
	}
	if (commit_under_way(connection)) {
		drbd_txn_abort(t);
		drbd_stream_unlock(connection, DATA_STREAM);
		/* That thread waits for nothing but a send. */
		wait_event_timeout(pd->device->resource->twopc_wait,
				   !commit_under_way(connection), HZ);
		goto again;
	}
	c = drbd_txn_conn(t, connection);
	d = drbd_txn_dev(t, pd->device);
	if (c < 0 || d < 0) {
		drbd_txn_abort(t);
		drbd_stream_unlock(connection, DATA_STREAM);
		return -ENODEV;
	}
	p.state = cpu_to_be32(drbd_state_word(&t->core, d, c, DRBD_OLD));
	pd->comm_state_disk = pd->device->disk_state;
	drbd_txn_abort(t);
	err = drbd_send_head(connection, DATA_STREAM, P_STATE, pd->device->vnr, &p, sizeof(p),
			     sizeof(p), false);
	drbd_stream_unlock(connection, DATA_STREAM);
	wake_up_all(&pd->device->resource->state_wait);
	return err;
}

/* Calls fn for each peer device of a device, referenced, no lock held. */
void drbd_each_peer_device(struct drbd_device *device, void (*fn)(struct drbd_peer_device *pd))
{
	struct drbd_peer_device *pd, *found;
	int n = 0, i;

	do {
		found = NULL;
		i = 0;
		spin_lock_irq(&device->resource->req_lock);
		for_each_peer_device(pd, device) {
			if (i++ == n) {
				found = pd;
				drbd_peer_device_get(pd);
				break;
			}
		}
		spin_unlock_irq(&device->resource->req_lock);
		if (found) {
			fn(found);
			drbd_peer_device_put(found);
		}
		n++;
	} while (found);
}

static void send_state_if_connected(struct drbd_peer_device *pd)
{
	if (pd->connection->cstate == C_CONNECTED)
		drbd_send_state(pd);
}

void drbd_send_state_all(struct drbd_device *device)
{
	drbd_each_peer_device(device, send_state_if_connected);
}

void drbd_send_role(struct drbd_resource *resource)
{
	struct wire_state p = { .state = cpu_to_be32(resource->role) };
	struct drbd_connection *connection;
	u64 nodes = 0;
	int node;

	rcu_read_lock();
	for_each_connection(connection, resource)
		if (connection->cstate == C_CONNECTED)
			nodes |= NODE_MASK(connection->peer_node_id);
	rcu_read_unlock();
	for (node = 0; node < DRBD_MAX_NODES; node++) {
		if (!(nodes & NODE_MASK(node)))
			continue;
		connection = drbd_connection_find(resource, node);
		if (!connection)
			continue;
		drbd_send_packet(connection, DATA_STREAM, P_STATE, -1, &p, sizeof(p));
		drbd_connection_put(connection);
	}
}

/* ------------------------------------------------------------- the judgement */

static void fill_handshake_in(struct drbd_txn *t, int d, int c, struct drbd_peer_device *pd,
			      u32 word, bool attach, struct drbd_handshake_in *in)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_resource *resource = connection->resource;
	struct drbd_device *device = pd->device;
	struct drbd_state_fields peer;
	struct net_conf *nc;
	bool sync_target;
	u64 resolved;

	memset(in, 0, sizeof(*in));
	drbd_state_unpack(word, &peer);
	resolved = drbd_uuid_resolved_current(&t->core, d, c, &sync_target);
	in->uuid.self = &t->uuid_sets[d];
	in->uuid.peer = &pd->uuids;
	in->uuid.self_current = pd->comm_current_uuid;
	in->uuid.self_bitmap = pd->comm_bitmap_uuid;
	in->uuid.self_flags = pd->comm_uuid_flags;
	in->uuid.peer_node_id = connection->peer_node_id;
	in->uuid.protocol_version = connection->agreed_pro_version;
	in->uuid.resolver = test_bit(CONN_RESOLVE_CONFLICTS, &connection->flags);
	in->uuid.source_missed_end = pd->missed_end_self;
	in->uuid.peer_missed_end = pd->missed_end_peer;
	in->connecting = connection->cstate < C_CONNECTED;
	in->uuid.changed_since_sent = in->connecting &&
		(!drbd_uuid_eq(resolved, pd->comm_current_uuid) ||
		 t->uuid_sets[d].bitmap[connection->peer_node_id] != pd->comm_bitmap_uuid);
	in->self_role = resource->role;
	in->peer_role = peer.role;
	in->self_disk = pd->comm_state_disk;
	in->peer_disk = peer.disk;
	in->self_md_disk = drbd_disk_state_from_md(&t->core, &t->core.dev[d], DRBD_OLD);
	in->self_bits = pd->comm_dirty_bits;
	in->self_quorum = device->have_quorum;
	in->peer_quorum = peer.quorum;
	in->quorum_enabled = resource->res_opts.quorum != QOU_OFF;
	in->attach = attach;
	in->suspended = resource->suspended_cached;
	in->on_no_data_io_error = resource->res_opts.on_no_data == OND_IO_ERROR;
	in->force_secondary =
		resource->res_opts.on_susp_primary_outdated == SPO_FORCE_SECONDARY;
	rcu_read_lock();
	nc = rcu_dereference(connection->net_conf);
	in->uuid.wire_protocol = nc->wire_protocol;
	in->after_sb_0p = nc->after_sb_0p;
	in->after_sb_1p = nc->after_sb_1p;
	in->after_sb_2p = nc->after_sb_2p;
	in->rr_conflict = nc->rr_conflict;
	in->always_asbp = nc->always_asbp;
	rcu_read_unlock();
	in->tentative = test_bit(CONN_TENTATIVE, &connection->flags) ||
		test_bit(CONN_PEER_TENTATIVE, &connection->flags);
}

static void log_judgement(struct drbd_peer_device *pd, const struct drbd_handshake_in *in,
			  const struct drbd_handshake_out *out)
{
	pd_info(pd, "self %016llX:%016llX:%016llX:%016llX bits:%llu flags:%llX\n",
		in->uuid.self_current, in->uuid.self_bitmap, in->uuid.self->history[0],
		in->uuid.self->history[1], in->self_bits, in->uuid.self_flags);
	pd_info(pd, "peer's %016llX:%016llX:%016llX:%016llX bits:%llu flags:%llX\n",
		pd->uuids.cur,
		pd->uuids.bitmap[drbd_node_id(pd->connection->resource)],
		pd->uuids.history[0], pd->uuids.history[1], pd->uuids.dirty_bits,
		pd->uuids.flags);
	pd_info(pd, "strategy = %s (%s) by rule=%s\n", drbd_strategy_text(out->strategy),
		drbd_repl_text(out->repl_state), drbd_rule_text(out->rule));
}

static int slot_of_node(struct drbd_device *device, int node)
{
	return drbd_md_slot(device, node);
}

/*
 * resync.md 5.13: the slots before the exchange; application writes are held.  False:
 * the connection was lost before they were.  The connection's receiver.
 */
static bool bitmap_before_exchange(struct drbd_peer_device *pd,
				   const struct drbd_handshake_out *out)
{
	struct drbd_device *device = pd->device;
	int slot = pd->bitmap_index, from;

	if (out->bitmap == BITMAP_NONE || !drbd_ldev_get(device, D_NEGOTIATING))
		return true;
	if (!drbd_freeze_writes(device, pd->connection)) {
		/* The bitmap UUID is stored already: it must not promise more than the bits. */
		if (out->bitmap == BITMAP_SET_SLOT && slot >= 0) {
			drbd_bm_set_slots(device, 1u << slot);
			drbd_bm_write(device);
			drbd_md_sync_if_dirty(device);
		}
		drbd_ldev_put(device);
		return false;
	}
	switch (out->bitmap) {
	case BITMAP_NONE:
		break;
	case BITMAP_COPY_SLOT:
		if (slot < 0)
			break;
		from = slot_of_node(device, out->other_node);
		if (from < 0)
			from = drbd_md_free_slot(&device->ldev->md);
		if (from >= 0)
			drbd_bm_copy_slot(device, from, slot);
		else
			drbd_bm_set_slots(device, 1u << slot);
		break;
	case BITMAP_CLEAR_SLOT:
		if (slot >= 0)
			drbd_bm_clear_slots(device, 1u << slot);
		break;
	case BITMAP_SET_ALL_SLOTS:
		drbd_bm_set_slots(device, BM_ALL_SLOTS);
		break;
	case BITMAP_SET_SLOT:
		if (slot < 0)
			break;
		drbd_md_set_peer_flag(device, pd->connection->peer_node_id,
				      DRBD_MDF_PEER_FULL_SYNC);
		drbd_md_sync(device);
		drbd_bm_set_slots(device, 1u << slot);
		break;
	}
	drbd_bm_write_all(device);
	if (out->bitmap == BITMAP_SET_SLOT)
		drbd_md_clear_peer_flag(device, pd->connection->peer_node_id,
					DRBD_MDF_PEER_FULL_SYNC);
	drbd_md_sync_if_dirty(device);
	drbd_thaw_io(device);
	drbd_ldev_put(device);
	return true;
}

static const char * const helper_names[] = {
	"initial-split-brain", "split-brain", "pri-lost", "pri-lost-after-sb",
};

/*
 * Compares the two sides of a volume and prepares what follows.  Returns
 * the outcome; *@repl_state for HANDSHAKE_OK.
 */
static enum drbd_handshake_outcome judge(struct drbd_peer_device *pd, u32 word, bool attach,
					 u8 *repl_state, bool *would_be_target)
{
	struct drbd_device *device = pd->device;
	struct drbd_resource *resource = device->resource;
	struct drbd_connection *connection = pd->connection;
	struct drbd_handshake_out out;
	struct drbd_handshake_in *in;
	struct drbd_txn *t;
	int c, d, i;
	bool demotion_tried = false, demotion_ok = false;
	u8 self_role = resource->role;	/* policies count who was Primary when we met */

	in = kzalloc(sizeof(*in), GFP_NOIO | __GFP_NOFAIL);
again:
	t = drbd_txn_begin(resource, "handshake");
	c = drbd_txn_conn(t, connection);
	d = drbd_txn_dev(t, device);
	if (c < 0 || d < 0 || !t->core.dev[d].uuids) {
		drbd_txn_abort(t);
		kfree(in);
		*repl_state = L_ESTABLISHED;
		return HANDSHAKE_OK;
	}
	fill_handshake_in(t, d, c, pd, word, attach, in);
	in->self_role = self_role;
	in->demotion_tried = demotion_tried;
	in->demotion_ok = demotion_ok;
	drbd_handshake(in, &out);
	if (!out.need_demotion || demotion_tried)
		log_judgement(pd, in, &out);
	if (out.clear_bitmap_uuid) {
		drbd_uuid_set_bitmap(&t->uuid_sets[d], connection->peer_node_id, 0, 0);
		drbd_uuid_set_store(device, &t->uuid_sets[d]);
	}
	if (out.set_bitmap_uuid) {
		drbd_uuid_source_full_sync(&t->uuid_sets[d], connection->peer_node_id,
					   pd->uuids.cur, resource->dagtag);
		drbd_uuid_set_store(device, &t->uuid_sets[d]);
	}
	drbd_txn_abort(t);
	if (out.need_demotion && !demotion_tried) {
		demotion_tried = true;
		demotion_ok = drbd_change_role(resource, R_SECONDARY, CHG_LOCAL_ONLY,
					       "after-sb", NULL) >= SS_SUCCESS;
		goto again;
	}
	for (i = 0; i < ARRAY_SIZE(helper_names); i++)
		if (out.helpers & (1u << i))
			drbd_helper(device, connection, helper_names[i]);
	if (out.split_brain && out.outcome != HANDSHAKE_OK)
		pd_err(pd, "Split-Brain detected but unresolved, dropping connection!\n");
	*would_be_target = out.would_be_target;
	if (out.outcome == HANDSHAKE_OK) {
		if (!bitmap_before_exchange(pd, &out))
			out.outcome = HANDSHAKE_RETRY;
		*repl_state = out.repl_state;
	}
	kfree(in);
	return out.outcome;
}

u8 drbd_judge_stability(struct drbd_peer_device *pd, bool diskless_primary)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	struct drbd_resource *resource = device->resource;
	struct drbd_handshake_out out;
	struct drbd_handshake_in *in;
	struct drbd_txn *t;
	int c, d;

	memset(&out, 0, sizeof(out));
	out.repl_state = L_ESTABLISHED;
	in = kzalloc(sizeof(*in), GFP_NOIO | __GFP_NOFAIL);
	t = drbd_txn_begin(resource, "stability");
	c = drbd_txn_conn(t, connection);
	d = drbd_txn_dev(t, device);
	if (c >= 0 && d >= 0 && t->core.dev[d].uuids && pd->repl_state == L_ESTABLISHED) {
		fill_handshake_in(t, d, c, pd, 0, false, in);
		in->peer_role = connection->peer_role;
		in->self_disk = device->disk_state;
		in->peer_disk = pd->disk_state;
		in->peer_quorum = test_bit(PD_PEER_QUORATE, &pd->flags);
		drbd_handshake_stability(in, diskless_primary, &out);
		log_judgement(pd, in, &out);
		if (out.set_bitmap_uuid) {
			drbd_uuid_source_full_sync(&t->uuid_sets[d], connection->peer_node_id,
						   pd->uuids.cur, resource->dagtag);
			drbd_uuid_set_store(device, &t->uuid_sets[d]);
		}
	}
	drbd_txn_abort(t);
	if (!bitmap_before_exchange(pd, &out))
		out.repl_state = L_ESTABLISHED;
	kfree(in);
	return out.repl_state;
}

/* ---------------------------------------------------- the connect transaction */

void drbd_handshake_begin(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;
	struct drbd_peer_device *pd;
	int vnr;

	drbd_uuid_freeze(connection);
	spin_lock_irq(&resource->req_lock);
	idr_for_each_entry(&connection->peer_devices, pd, vnr) {
		memset(&pd->hs, 0, sizeof(pd->hs));
		pd->hs.my_disk_state = D_MASK;
		pd->uuids.received = false;
		pd->missed_end_self = false;
		pd->missed_end_peer = false;
		pd->peer_repl_last = 0;
		clear_bit(PD_INITIAL_STATE_RECEIVED, &pd->flags);
		clear_bit(PD_INITIAL_STATE_SENT, &pd->flags);
		clear_bit(PD_HANDSHAKE_DISCONNECT, &pd->flags);
		clear_bit(PD_FINISH_AFTER_START, &pd->flags);
		set_bit(PD_IN_HANDSHAKE, &pd->flags);
		atomic_set(&pd->packet_seq, 0);
		atomic64_set(&pd->send_cnt, 0);
		atomic64_set(&pd->recv_cnt, 0);
	}
	set_bit(CONN_HANDSHAKE, &connection->flags);
	spin_unlock_irq(&resource->req_lock);
}

void drbd_send_introduction(struct drbd_connection *connection)
{
	struct drbd_peer_device *pd;
	int vnr, n = 0;

	for_each_volume_of(pd, vnr, connection) {
		/* Those that came later follow when the connection is established. */
		if (test_bit(PD_IN_HANDSHAKE, &pd->flags)) {
			n++;
			drbd_send_sync_param(pd);
			drbd_send_sizes(pd, 0, 0);
			drbd_send_uuids(pd, 0, 0);
			drbd_send_state(pd);
			set_bit(PD_INITIAL_STATE_SENT, &pd->flags);
			wake_up_all(&connection->resource->state_wait);
		}
	}
	if (!n) {
		clear_bit(CONN_INTRODUCTION_DUE, &connection->flags);
		drbd_twopc_handshake_result(connection, HANDSHAKE_OK);
	}
}

void drbd_handshake_undo(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;

	spin_lock_irq(&resource->req_lock);
	clear_bit(CONN_HANDSHAKE, &connection->flags);
	drbd_uuid_freeze_release(connection);
	spin_unlock_irq(&resource->req_lock);
}

static unsigned int connect_change(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0 && t->core.conn[c].cstate[DRBD_OLD] == C_CONNECTING)
		t->core.conn[c].cstate[DRBD_NEW] = C_CONNECTED;
	return 0;
}

static void outdate_after_refusal(struct drbd_connection *connection)
{
	struct drbd_txn *t = drbd_txn_begin(connection->resource, "connect-refused");
	int c = drbd_txn_conn(t, connection);

	if (c >= 0 && drbd_state_outdate_after_refusal(&t->core, c)) {
		t->core_flags = CORE_HARD | CORE_IGNORE_OPENERS;
		if (drbd_state_check(&t->core, t->core_flags, &t->why) == SS_SUCCESS) {
			drbd_txn_commit(t, NULL);
			return;
		}
	}
	drbd_txn_abort(t);
}

/*
 * A target that took an attempt up introduces itself for it, and its RETRY on the
 * control stream may be here before that.  Nothing in an introduction tells for
 * which attempt it is: the next one must wait until it has come in.  Bounded,
 * because a foreign peer does not say whether it took the attempt up.
 */
static bool last_attempt_open(struct drbd_connection *connection)
{
	unsigned long limit;

	if (test_bit(CONN_JUDGING, &connection->flags))
		return true;
	if (!test_bit(CONN_INTRODUCTION_DUE, &connection->flags))
		return false;
	rcu_read_lock();
	limit = 2 * rcu_dereference(connection->net_conf)->ping_timeo * HZ / 10;
	rcu_read_unlock();
	return time_before(jiffies, READ_ONCE(connection->connect_jif) + limit);
}

/* The lower node id starts the transaction, again and again until it has an outcome. */
void drbd_connect_work(struct work_struct *work)
{
	struct drbd_connection *connection =
		container_of(work, struct drbd_connection, connect_work.work);
	struct drbd_resource *resource = connection->resource;
	enum drbd_connect_followup next;
	struct drbd_txn *t;
	bool retry_connect;
	int rv;

	if (connection->cstate != C_CONNECTING ||
	    !test_bit(CONN_STREAMS_UP, &connection->flags))
		return;
	if (last_attempt_open(connection) || !mutex_trylock(&resource->serialize)) {
		queue_delayed_work(system_long_wq, &connection->connect_work, HZ / 20 + 1);
		return;
	}
	rv = drbd_change(resource, CHG_DONT_RETRY | CHG_ALREADY_SERIALIZED | CHG_DONT_WAIT_SLOT |
			 CHG_VERBOSE, connect_change, connection, "connect", NULL, NULL);
	mutex_unlock(&resource->serialize);
	if (rv >= SS_SUCCESS) {
		drbd_handshake_committed(connection);
		return;
	}
	drbd_handshake_undo(connection);
	WRITE_ONCE(connection->connect_jif, jiffies);
	if (connection->cstate != C_CONNECTING)
		return;
	rcu_read_lock();
	retry_connect = rcu_dereference(connection->net_conf)->rr_conflict == ASB_RETRY_CONNECT;
	rcu_read_unlock();
	t = drbd_txn_begin(resource, "connect");
	next = drbd_connect_followup(&t->core, rv, retry_connect);
	drbd_txn_abort(t);
	switch (next) {
	case CONNECT_AGAIN_50MS:
	case CONNECT_WAIT_READERS:
		queue_delayed_work(system_long_wq, &connection->connect_work, HZ / 20 + 1);
		break;
	case CONNECT_AGAIN_1S:
		outdate_after_refusal(connection);
		queue_delayed_work(system_long_wq, &connection->connect_work, HZ);
		break;
	case CONNECT_REFUSE:
		outdate_after_refusal(connection);
		drbd_send_packet(connection, DATA_STREAM, P_DISCONNECT, -1, NULL, 0);
		drbd_conn_disconnecting(connection, "connect-refused");
		break;
	case CONNECT_NETWORK_FAILURE:
		drbd_change_cstate(connection, C_NETWORK_FAILURE, CHG_HARD, "connect-failed",
				   NULL);
		break;
	}
}

/* Volumes that were created while we shook hands. */
static void introduce_newcomers(struct drbd_connection *connection)
{
	struct drbd_peer_device *pd;
	int vnr;

	for_each_volume_of(pd, vnr, connection) {
		if (!test_bit(PD_IN_HANDSHAKE, &pd->flags))
			drbd_peer_device_added(pd);
	}
}

/* Both ends, after the COMMIT was applied: the handshake is over. */
void drbd_handshake_committed(struct drbd_connection *connection)
{
	struct drbd_resource *resource = connection->resource;

	spin_lock_irq(&resource->req_lock);
	if (connection->cstate == C_CONNECTED) {
		clear_bit(CONN_HANDSHAKE, &connection->flags);
		set_bit(CONN_SEND_DAGTAG, &connection->flags);
		clear_bit(CONN_DISCARD_MY_DATA, &connection->flags);
	}
	drbd_uuid_freeze_release(connection);
	spin_unlock_irq(&resource->req_lock);
	wake_up(&connection->sender_wait);
	introduce_newcomers(connection);
}

int drbd_receive_disconnect(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	conn_info(connection, "the peer refused the connection\n");
	outdate_after_refusal(connection);
	drbd_conn_disconnecting(connection, "peer-refused");
	return -EIO;
}

/* All volumes introduced?  Then the transaction can go on. */
static void check_all_introduced(struct drbd_connection *connection)
{
	enum drbd_handshake_outcome outcome = HANDSHAKE_OK;
	struct drbd_peer_device *pd;
	int vnr;

	rcu_read_lock();
	idr_for_each_entry(&connection->peer_devices, pd, vnr) {
		if (!test_bit(PD_IN_HANDSHAKE, &pd->flags))
			continue;
		if (!test_bit(PD_INITIAL_STATE_RECEIVED, &pd->flags)) {
			rcu_read_unlock();
			return;
		}
		if (test_bit(PD_HANDSHAKE_DISCONNECT, &pd->flags))
			outcome = HANDSHAKE_DISCONNECT;
		else if (test_bit(PD_HANDSHAKE_RETRY, &pd->flags) && outcome == HANDSHAKE_OK)
			outcome = HANDSHAKE_RETRY;
	}
	rcu_read_unlock();
	clear_bit(CONN_INTRODUCTION_DUE, &connection->flags);
	if (test_bit(CONN_HANDSHAKE, &connection->flags))
		drbd_twopc_handshake_result(connection, outcome);
}

static int diskless_judgement(struct drbd_peer_device *pd, u8 *peer_disk)
{
	struct drbd_txn *t = drbd_txn_begin(pd->device->resource, "handshake");
	int c = drbd_txn_conn(t, pd->connection), d = drbd_txn_dev(t, pd->device);
	enum drbd_diskless_result rv = DISKLESS_EQUAL;

	if (c >= 0 && d >= 0)
		rv = drbd_handshake_diskless(&t->core, d, c, pd->connection->agreed_pro_version);
	if (rv == DISKLESS_ADOPT)
		pd->device->exposed_data_uuid = pd->uuids.cur;
	drbd_txn_abort(t);
	switch (rv) {
	case DISKLESS_EQUAL:
	case DISKLESS_ADOPT:
		return HANDSHAKE_OK;
	case DISKLESS_ACCEPT_OUTDATED:
		*peer_disk = D_OUTDATED;
		return HANDSHAKE_OK;
	case DISKLESS_RETRY:
		return HANDSHAKE_RETRY;
	case DISKLESS_DISCONNECT:
		break;
	}
	return HANDSHAKE_DISCONNECT;
}

/* The peer's introduction of one volume is complete. */
static void record_initial_state(struct drbd_peer_device *pd, u32 word)
{
	struct drbd_connection *connection = pd->connection;
	struct drbd_device *device = pd->device;
	enum drbd_handshake_outcome outcome = HANDSHAKE_OK;
	struct drbd_state_fields f;
	u8 repl_state = L_ESTABLISHED, peer_disk;
	bool would_be_target = false;

	drbd_state_unpack(word, &f);
	peer_disk = f.disk;
	clear_bit(PD_HANDSHAKE_RETRY, &pd->flags);
	if (f.disk == D_NEGOTIATING)
		peer_disk = pd->uuids.flags & DRBD_UUID_F_INCONSISTENT ?
			D_INCONSISTENT : D_CONSISTENT;
	/*
	 * What is compared is what was sent.  The target's answer may overtake the
	 * initiator's own introduction, which does not depend on this thread.
	 */
	wait_event_timeout(device->resource->state_wait,
			   test_bit(PD_INITIAL_STATE_SENT, &pd->flags) ||
			   connection->cstate < C_CONNECTING, HZ);
	if (!test_bit(PD_HANDSHAKE_DISCONNECT, &pd->flags)) {
		/* The UUIDs of an aborted attempt do not count: nothing was compared. */
		if (!test_bit(PD_INITIAL_STATE_SENT, &pd->flags) ||
		    (f.disk >= D_NEGOTIATING && !pd->uuids.received))
			outcome = HANDSHAKE_RETRY;
		else if (device->disk_state >= D_NEGOTIATING && f.disk >= D_NEGOTIATING)
			outcome = judge(pd, word, false, &repl_state, &would_be_target);
		else if (device->disk_state == D_DISKLESS && f.disk == D_UP_TO_DATE)
			outcome = diskless_judgement(pd, &peer_disk);
	}
	spin_lock_irq(&device->resource->req_lock);
	pd->hs.valid = outcome == HANDSHAKE_OK;
	pd->hs.repl_state = repl_state;
	pd->hs.disk_state = peer_disk;
	pd->hs.resync_susp_peer = f.aftr_isp || f.user_isp;
	pd->hs.my_disk_state = D_MASK;
	pd->hs.would_be_target = would_be_target;
	if (!pd->hs.valid && would_be_target) {
		pd->hs.valid = true;
		pd->hs.repl_state = L_WF_BITMAP_T;
	}
	spin_unlock_irq(&device->resource->req_lock);
	if (outcome == HANDSHAKE_DISCONNECT)
		set_bit(PD_HANDSHAKE_DISCONNECT, &pd->flags);
	if (outcome == HANDSHAKE_RETRY)
		set_bit(PD_HANDSHAKE_RETRY, &pd->flags);
	if (f.quorum)
		set_bit(PD_PEER_QUORATE, &pd->flags);
	else
		clear_bit(PD_PEER_QUORATE, &pd->flags);
	set_bit(PD_INITIAL_STATE_RECEIVED, &pd->flags);
	check_all_introduced(connection);
}

static unsigned int peer_role_secondary(struct drbd_txn *t, void *arg)
{
	int c = drbd_txn_conn(t, arg);

	if (c >= 0 && t->core.conn[c].cstate[DRBD_OLD] == C_CONNECTED)
		t->core.conn[c].peer_role[DRBD_NEW] = R_SECONDARY;
	return 0;
}

struct peer_state_change {
	struct drbd_peer_device *pd;
	u32 word;
	struct drbd_peer_state_decision d;
	u8 hs_repl;
	bool overtaken;
};

static unsigned int apply_peer_state(struct drbd_txn *t, void *arg)
{
	struct peer_state_change *s = arg;
	int c = drbd_txn_conn(t, s->pd->connection), d = drbd_txn_dev(t, s->pd->device);

	if (c < 0 || d < 0)
		return 0;
	/* A resync starts without this thread. */
	s->overtaken = drbd_peer_state_overtaken(&t->core, d, c, s->word, s->pd->peer_repl_last,
						 &s->d);
	if (s->overtaken)
		return 0;
	return drbd_peer_state_apply(&t->core, d, c, s->word, &s->d, s->hs_repl);
}

static struct drbd_peer_state_decision decide(struct drbd_peer_device *pd, u32 word)
{
	struct drbd_txn *t = drbd_txn_begin(pd->device->resource, "peer-state");
	int c = drbd_txn_conn(t, pd->connection), d = drbd_txn_dev(t, pd->device);
	struct drbd_peer_state_decision decision = { .reaction = PEER_STATE_IGNORE };

	if (c >= 0 && d >= 0)
		drbd_peer_state_decide(&t->core, d, c, word, pd->peer_repl_last, &decision);
	drbd_txn_abort(t);
	return decision;
}

/* True: noted for start_work(); false: the resync has started (or ended) meanwhile. */
static bool finish_after_start(struct drbd_peer_device *pd, u8 peer_disk)
{
	bool noted;

	spin_lock_irq(&pd->device->resource->req_lock);
	noted = pd->repl_state == L_WF_BITMAP_S;
	if (noted) {
		pd->finish_peer_disk = peer_disk;
		set_bit(PD_FINISH_AFTER_START, &pd->flags);
	}
	spin_unlock_irq(&pd->device->resource->req_lock);
	return noted;
}

static int receive_state(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	u32 word = be32_to_cpu(((const struct wire_state *)pi->data)->state);
	struct peer_state_change s = { .word = word };
	enum drbd_handshake_outcome outcome;
	struct drbd_state_fields f;
	struct drbd_peer_device *pd;
	bool would_be_target, attaching;
	u8 repl_state;
	int rv;

	if (pi->vnr < 0) {
		drbd_state_unpack(word, &f);
		if (f.role == R_SECONDARY)
			drbd_change(connection->resource, CHG_HARD, peer_role_secondary,
				    connection, "peer-state", NULL, NULL);
		return 0;
	}
	pd = known_volume(connection, pi);
	if (!pd)
		return 0;
	drbd_state_unpack(word, &f);
	s.pd = pd;
	/*
	 * The COMMIT of our own attach, say, goes out before we follow it ourselves: the
	 * peer may be faster, and expects an answer for what we are about to become.
	 */
	if (!wait_event_timeout(connection->resource->twopc_wait, !own_commit(connection), 5 * HZ))
		return -ECONNRESET;
again:
	s.hs_repl = 0;
	s.overtaken = false;
	s.d = decide(pd, word);
	switch (s.d.reaction) {
	case PEER_STATE_MEET_ANEW:
		pd_info(pd, "attached in the same moment, not compared: connecting anew\n");
		return -ECONNRESET;
	case PEER_STATE_DROP:
		return -ECONNRESET;
	case PEER_STATE_IGNORE:
		if (connection->cstate == C_CONNECTING) {
			/* Of an attempt that was given up, and now out of the way. */
			spin_lock_irq(&connection->resource->req_lock);
			if (!test_bit(CONN_HANDSHAKE, &connection->flags))
				set_bit(PD_INITIAL_STATE_RECEIVED, &pd->flags);
			spin_unlock_irq(&connection->resource->req_lock);
			check_all_introduced(connection);
		}
		break;
	case PEER_STATE_DISCONNECT:
		pd_err(pd, "the peer has a disk, but is configured without a bitmap for it\n");
		drbd_conn_disconnecting(connection, "peer-state");
		return -EIO;
	case PEER_STATE_RECORD:
		if (!test_bit(PD_IN_HANDSHAKE, &pd->flags)) {
			/* Created here after our introduction; the next one will contain it. */
			drbd_twopc_handshake_result(connection, HANDSHAKE_RETRY);
			break;
		}
		record_initial_state(pd, word);
		pd->peer_repl_last = f.conn;
		return 0;
	case PEER_STATE_RESYNC_FINISHED:
		pd->peer_repl_last = f.conn;
		drbd_resync_source_finished(pd, f.disk);
		return 0;
	case PEER_STATE_FINISH_AFTER_START:
		if (!finish_after_start(pd, f.disk))
			goto again;
		break;
	case PEER_STATE_VERIFY_FINISHED:
		pd->peer_repl_last = f.conn;
		drbd_verify_peer_finished(pd);
		return 0;
	case PEER_STATE_APPLY:
		attaching = pd->device->disk_state == D_NEGOTIATING;
		/* The peer's part begins with our "Negotiating", which must not be skipped. */
		if (s.d.compare_attach)
			wait_event_timeout(connection->resource->state_wait,
					   READ_ONCE(pd->comm_state_disk) == D_NEGOTIATING ||
					   pd->device->disk_state != D_NEGOTIATING ||
					   connection->cstate < C_CONNECTED, 5 * HZ);
		if (s.d.compare || s.d.compare_attach) {
			outcome = judge(pd, word, s.d.compare_attach, &repl_state,
					&would_be_target);
			if (s.d.compare_attach &&
			    drbd_attach_result(pd, outcome, repl_state)) {
				/* It goes by a result that I do not share: we meet anew. */
				if (!attaching && f.disk != D_NEGOTIATING)
					return -ECONNRESET;
				break;
			}
			if (outcome == HANDSHAKE_OK) {
				s.hs_repl = repl_state;
			} else if (!s.d.compare_attach) {
				if (outcome == HANDSHAKE_DISCONNECT)
					drbd_conn_disconnecting(connection, "peer-state");
				return -EIO;
			}
		}
		if (f.quorum)
			set_bit(PD_PEER_QUORATE, &pd->flags);
		else
			clear_bit(PD_PEER_QUORATE, &pd->flags);
		rv = drbd_change(connection->resource, CHG_VERBOSE | CHG_LOCAL_ONLY,
				 apply_peer_state, &s, "peer-state", NULL, NULL);
		if (rv < SS_SUCCESS) {
			drbd_conn_disconnecting(connection, "peer-state");
			return -EIO;
		}
		if (s.overtaken)
			goto again;
		if (s.d.answer_intro) {
			drbd_send_sizes(pd, 0, 0);
			drbd_send_uuids(pd, 0, 0);
		}
		if (s.d.answer_state)
			drbd_send_state(pd);
		break;
	}
	pd->peer_repl_last = f.conn;
	return 0;
}

int drbd_receive_state(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	bool connecting = connection->cstate == C_CONNECTING;
	int err;

	if (connecting)
		set_bit(CONN_JUDGING, &connection->flags);
	err = receive_state(connection, pi);
	if (connecting) {
		WRITE_ONCE(connection->connect_jif, jiffies);
		clear_bit(CONN_JUDGING, &connection->flags);
	}
	return err;
}

/* A volume was added to a connection that may be established (wire.md 3.8). */
void drbd_peer_device_added(struct drbd_peer_device *pd)
{
	if (pd->connection->cstate != C_CONNECTED)
		return;
	drbd_send_sync_param(pd);
	drbd_send_sizes(pd, 0, 0);
	drbd_send_uuids(pd, 0, 0);
	set_bit(PD_INITIAL_STATE_SENT, &pd->flags);
	drbd_send_state(pd);
}

/* ------------------------------------------------------- two-phase packets */

int drbd_send_twopc(struct drbd_connection *connection, enum drbd_twopc_phase phase,
		    const struct drbd_twopc_request *req)
{
	struct wire_twopc_request p;
	bool v2 = connection->agreed_features & DRBD_FF_2PC_V2;
	u16 cmd;

	memset(&p, 0, sizeof(p));
	p.tid = cpu_to_be32(req->tid);
	if (v2) {
		p.u.v2.flags = cpu_to_be32(req->flags | DRBD_TWOPC_HAS_FLAGS);
		p.u.v2.initiator_node_id = req->initiator;
		p.u.v2.target_node_id = req->target;
	} else {
		p.u.v1.initiator_node_id = cpu_to_be32(req->initiator);
		p.u.v1.target_node_id = cpu_to_be32((s32)req->target);
	}
	p.nodes_to_reach = cpu_to_be64(req->nodes_to_reach);
	switch (phase) {
	case TWOPC_PREPARE:
		if (req->type == TWOPC_TYPE_RESIZE) {
			cmd = P_TWOPC_PREP_RSZ;
			p.body.prepare_resize.user_size = cpu_to_be64(req->user_size);
			p.body.prepare_resize.dds_flags = cpu_to_be16(req->dds_flags);
		} else {
			cmd = P_TWOPC_PREPARE;
			p.body.prepare.mask = cpu_to_be32(req->mask);
			p.body.prepare.val = cpu_to_be32(req->val);
		}
		break;
	case TWOPC_COMMIT:
		cmd = P_TWOPC_COMMIT;
		if (req->type == TWOPC_TYPE_RESIZE) {
			p.body.commit_resize.diskful_primary_nodes =
				cpu_to_be64(req->diskful_primary_nodes);
			p.body.commit_resize.new_size = cpu_to_be64(req->exposed_size);
		} else if (v2) {
			p.body.commit.primary_nodes = cpu_to_be64(req->primary_nodes);
			p.body.commit.reachable_nodes = cpu_to_be64(req->reachable_nodes);
		} else {
			p.body.commit_v1.primary_nodes = cpu_to_be64(req->primary_nodes);
			p.body.commit_v1.mask = cpu_to_be32(req->mask);
			p.body.commit_v1.val = cpu_to_be32(req->val);
		}
		break;
	default:
		cmd = P_TWOPC_ABORT;
		break;
	}
	return drbd_send_packet(connection, DATA_STREAM, cmd, req->vnr, &p, sizeof(p));
}

int drbd_receive_twopc(struct drbd_connection *connection, struct drbd_packet_in *pi)
{
	const struct wire_twopc_request *p = pi->data;
	enum drbd_twopc_phase phase = TWOPC_PREPARE;
	struct drbd_twopc_request req;

	memset(&req, 0, sizeof(req));
	req.tid = be32_to_cpu(p->tid);
	req.vnr = pi->vnr;
	if (connection->agreed_features & DRBD_FF_2PC_V2) {
		req.flags = be32_to_cpu(p->u.v2.flags);
		req.initiator = p->u.v2.initiator_node_id;
		req.target = p->u.v2.target_node_id;
	} else {
		s32 initiator = be32_to_cpu(p->u.v1.initiator_node_id);
		s32 target = be32_to_cpu(p->u.v1.target_node_id);

		if (target < -1 || target >= DRBD_MAX_NODES || initiator < 0 ||
		    initiator >= DRBD_MAX_NODES)
			goto bad;
		req.initiator = initiator;
		req.target = target;
	}
	if (!req.tid || req.initiator < 0 || req.initiator >= DRBD_MAX_NODES ||
	    req.target < -1 || req.target >= DRBD_MAX_NODES ||
	    req.initiator == drbd_node_id(connection->resource))
		goto bad;
	req.nodes_to_reach = be64_to_cpu(p->nodes_to_reach);
	switch (pi->cmd) {
	case P_TWOPC_PREPARE:
		req.mask = be32_to_cpu(p->body.prepare.mask);
		req.val = be32_to_cpu(p->body.prepare.val);
		break;
	case P_TWOPC_PREP_RSZ:
		req.type = TWOPC_TYPE_RESIZE;
		req.user_size = be64_to_cpu(p->body.prepare_resize.user_size);
		req.dds_flags = be16_to_cpu(p->body.prepare_resize.dds_flags);
		break;
	case P_TWOPC_COMMIT:
		phase = TWOPC_COMMIT;
		req.primary_nodes = be64_to_cpu(p->body.commit.primary_nodes);
		req.reachable_nodes = be64_to_cpu(p->body.commit.reachable_nodes);
		req.diskful_primary_nodes = req.primary_nodes;
		req.exposed_size = be64_to_cpu(p->body.commit_resize.new_size);
		break;
	case P_TWOPC_ABORT:
		phase = TWOPC_ABORT;
		break;
	}
	drbd_twopc_request_received(connection, phase, &req);
	if (phase == TWOPC_COMMIT && test_bit(CONN_HANDSHAKE, &connection->flags) &&
	    connection->cstate == C_CONNECTED)
		drbd_handshake_committed(connection);
	if (phase == TWOPC_ABORT && connection->cstate < C_CONNECTED &&
	    req.initiator == connection->peer_node_id)
		drbd_handshake_undo(connection);
	return 0;
bad:
	conn_err(connection, "%s: bad transaction or node id\n", pi->name);
	return -EPROTO;
}

int drbd_send_twopc_reply(struct drbd_connection *connection, enum drbd_twopc_answer answer,
			  int vnr, const struct drbd_twopc_reply *reply)
{
	struct wire_twopc_reply p;
	u16 cmd = answer == TWOPC_YES ? P_TWOPC_YES : answer == TWOPC_NO ? P_TWOPC_NO :
		P_TWOPC_RETRY;

	memset(&p, 0, sizeof(p));
	p.tid = cpu_to_be32(reply->tid);
	p.initiator_node_id = cpu_to_be32(reply->initiator);
	p.reachable_nodes = cpu_to_be64(reply->reachable_nodes);
	if (reply->max_possible_size) {
		p.u.resize.diskful_primary_nodes = cpu_to_be64(reply->diskful_primary_nodes);
		p.u.resize.max_possible_size = cpu_to_be64(reply->max_possible_size);
	} else {
		p.u.state.primary_nodes = cpu_to_be64(reply->primary_nodes);
		p.u.state.weak_nodes = cpu_to_be64(reply->weak_nodes);
	}
	return drbd_send_packet(connection, CONTROL_STREAM, cmd, vnr, &p, sizeof(p));
}

int drbd_receive_twopc_reply(struct drbd_connection *connection, u16 cmd, int vnr,
			     const void *data)
{
	const struct wire_twopc_reply *p = data;
	struct drbd_twopc_reply reply;
	u32 initiator = be32_to_cpu(p->initiator_node_id);

	if (initiator >= DRBD_MAX_NODES)
		return -EPROTO;
	memset(&reply, 0, sizeof(reply));
	reply.tid = be32_to_cpu(p->tid);
	reply.initiator = initiator;
	reply.reachable_nodes = be64_to_cpu(p->reachable_nodes);
	reply.primary_nodes = be64_to_cpu(p->u.state.primary_nodes);
	reply.weak_nodes = be64_to_cpu(p->u.state.weak_nodes);
	reply.diskful_primary_nodes = be64_to_cpu(p->u.resize.diskful_primary_nodes);
	reply.max_possible_size = be64_to_cpu(p->u.resize.max_possible_size);
	/* Who took a request up knows at least of itself; else no introduction follows. */
	if (cmd == P_TWOPC_RETRY && reply.tid == READ_ONCE(connection->connect_tid) &&
	    !reply.reachable_nodes)
		clear_bit(CONN_INTRODUCTION_DUE, &connection->flags);
	drbd_twopc_reply_received(connection, cmd == P_TWOPC_YES ? TWOPC_YES :
				  cmd == P_TWOPC_NO ? TWOPC_NO : TWOPC_RETRY, &reply);
	return 0;
}
