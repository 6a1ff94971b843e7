// SPDX-License-Identifier: GPL-2.0-only
/* The state word (states.md 1.3), names, and the kernel log's lines (3). */
#include "state_internal.h"
#include "text.h"

/* -------------------------------------------------------------- state word */

u32 drbd_state_pack(const struct drbd_state_fields *f)
{
	return (u32)(f->role & R_MASK) | (u32)(f->peer & R_MASK) << 2 |
	       (u32)(f->conn & C_MASK) << 4 | (u32)(f->disk & D_MASK) << 9 |
	       (u32)(f->pdsk & D_MASK) << 13 | (u32)!!f->susp << 17 | (u32)!!f->aftr_isp << 18 |
	       (u32)!!f->peer_isp << 19 | (u32)!!f->user_isp << 20 | (u32)!!f->susp_nod << 21 |
	       (u32)!!f->susp_fen << 22 | (u32)!!f->quorum << 23;
}

void drbd_state_unpack(u32 word, struct drbd_state_fields *f)
{
	f->role = word & R_MASK;
	f->peer = word >> 2 & R_MASK;
	f->conn = word >> 4 & C_MASK;
	f->disk = word >> 9 & D_MASK;
	f->pdsk = word >> 13 & D_MASK;
	f->susp = word >> 17 & 1;
	f->aftr_isp = word >> 18 & 1;
	f->peer_isp = word >> 19 & 1;
	f->user_isp = word >> 20 & 1;
	f->susp_nod = word >> 21 & 1;
	f->susp_fen = word >> 22 & 1;
	f->quorum = word >> 23 & 1;
}

u32 drbd_state_word(const struct core_resource *r, u32 dev, u32 conn, int w)
{
	const struct core_device *d = &r->dev[dev];
	const struct core_connection *c = &r->conn[conn];
	const struct core_peer_device *pd = &d->pd[conn];
	struct drbd_state_fields f = {
		.role = r->role[w],
		.peer = c->peer_role[w],
		.conn = pd->repl_state[w] > L_OFF ? pd->repl_state[w] : c->cstate[w],
		.disk = d->disk_state[w],
		.pdsk = pd->disk_state[w],
		.susp = r->susp_user[w] || r->susp_quorum[w] || r->susp_uuid[w],
		.aftr_isp = drbd_resync_susp_dependency(d, pd, w),
		.peer_isp = pd->resync_susp_peer[w],
		.user_isp = pd->resync_susp_user[w],
		.susp_nod = r->susp_nod[w],
		.susp_fen = drbd_suspended_fencing(r, w),
		.quorum = d->quorum[w],
	};

	return drbd_state_pack(&f);
}

u32 drbd_state_word_to_84(u32 word)
{
	struct drbd_state_fields f;

	drbd_state_unpack(word, &f);
	if (f.disk > D_DETACHING)
		f.disk--;
	if (f.pdsk > D_DETACHING)
		f.pdsk--;
	return drbd_state_pack(&f);
}

u32 drbd_state_word_from_84(u32 word)
{
	struct drbd_state_fields f;

	drbd_state_unpack(word, &f);
	if (f.disk >= D_DETACHING && f.disk < D_MASK)
		f.disk++;
	if (f.pdsk >= D_DETACHING && f.pdsk < D_MASK)
		f.pdsk++;
	return drbd_state_pack(&f);
}

/* A replication or connection state as its other end names it; 0: no such thing. */
static u8 mirror_conn(u8 conn)
{
	switch (conn) {
	case C_DISCONNECTING:	return C_TEAR_DOWN;
	case C_CONNECTING:	return C_CONNECTING;
	case C_CONNECTED:	return C_CONNECTED;	/* = L_OFF */
	case L_ESTABLISHED:	return L_ESTABLISHED;
	case L_STARTING_SYNC_S:	return L_STARTING_SYNC_T;
	case L_STARTING_SYNC_T:	return L_STARTING_SYNC_S;
	case L_WF_BITMAP_S:	return L_WF_BITMAP_T;
	case L_WF_BITMAP_T:	return L_WF_BITMAP_S;
	case L_VERIFY_S:	return L_VERIFY_T;
	case C_MASK:		return C_MASK;
	default:		return 0;
	}
}

static bool none_or_all(u8 value, u8 all)
{
	return value == 0 || value == all;
}

int drbd_state_mirror(u32 mask, u32 val, u32 *my_mask, u32 *my_val)
{
	struct drbd_state_fields m, v;
	struct drbd_state_fields mm = { 0 }, mv = { 0 };

	drbd_state_unpack(mask, &m);
	drbd_state_unpack(val, &v);
	if (m.peer || m.susp || m.aftr_isp || m.peer_isp || m.user_isp || m.susp_nod ||
	    m.susp_fen || m.quorum || (mask & 0xff000000u))
		return SS_NOT_SUPPORTED;
	if (!none_or_all(m.role, R_MASK) || !none_or_all(m.conn, C_MASK) ||
	    !none_or_all(m.disk, D_MASK) || !none_or_all(m.pdsk, D_MASK))
		return SS_NOT_SUPPORTED;
	if ((m.disk && v.disk > D_UP_TO_DATE) || (m.pdsk && v.pdsk > D_UP_TO_DATE) ||
	    (m.role && v.role != R_PRIMARY && v.role != R_SECONDARY))
		return SS_NOT_SUPPORTED;

	mm.peer = m.role;
	mv.peer = v.role;
	mm.pdsk = m.disk;
	mv.pdsk = v.disk;
	mm.disk = m.pdsk;
	mv.disk = v.pdsk;
	mm.conn = m.conn;
	mv.conn = mirror_conn(v.conn);
	if (m.conn && !mv.conn)
		return SS_NOT_SUPPORTED;
	*my_mask = drbd_state_pack(&mm);
	*my_val = drbd_state_pack(&mv) & *my_mask;
	return SS_SUCCESS;
}

/* ------------------------------------------------------------------- names */

#define AS_TEXT(nr, id, text) [nr] = text,

static const char * const role_texts[] = { DRBD_ROLES(AS_TEXT) };
static const char * const conn_texts[] = { DRBD_CONN_STATES(AS_TEXT) };
static const char * const repl_texts[] = { DRBD_REPL_STATES(AS_TEXT) };
static const char * const disk_texts[] = { DRBD_DISK_STATES(AS_TEXT) };

static const char *text_of(const char * const *texts, size_t n, unsigned int value)
{
	return value < n && texts[value] ? texts[value] : "?";
}

const char *drbd_role_text(unsigned int role)
{
	return text_of(role_texts, ARRAY_SIZE(role_texts), role);
}

const char *drbd_conn_text(unsigned int cstate)
{
	return text_of(conn_texts, ARRAY_SIZE(conn_texts), cstate);
}

const char *drbd_repl_text(unsigned int repl_state)
{
	return text_of(repl_texts, ARRAY_SIZE(repl_texts), repl_state);
}

const char *drbd_disk_text(unsigned int disk_state)
{
	return text_of(disk_texts, ARRAY_SIZE(disk_texts), disk_state);
}

#define SS_CASE(nr, id, text) case nr: return text;

const char *drbd_ss_text(int code)
{
	switch (code) {
	DRBD_SS_CODES(SS_CASE)
	default:
		return "?";
	}
}

/* ------------------------------------------------------------------- diffs */

static void diff(struct text *t, const char *what, const char *from, const char *to)
{
	if (t->used)
		text_add(t, " ");
	text_add(t, what);
	text_add(t, "( ");
	text_add(t, from);
	text_add(t, " -> ");
	text_add(t, to);
	text_add(t, " )");
}

static const char *yes_no(u8 value)
{
	return value ? "yes" : "no";
}

static void add_word(struct text *list, bool set, const char *word)
{
	if (!set)
		return;
	if (list->used)
		text_add(list, ",");
	text_add(list, word);
}

static void susp_words(const struct core_resource *r, int w, char *buf, size_t len)
{
	struct text t;

	text_init(&t, buf, len);
	add_word(&t, r->susp_user[w], "user");
	add_word(&t, r->susp_nod[w], "no-disk");
	add_word(&t, drbd_suspended_fencing(r, w), "fencing");
	add_word(&t, r->susp_quorum[w], "quorum");
	add_word(&t, r->susp_uuid[w], "uuid");
	if (!t.used)
		text_add(&t, "no");
}

static void resync_susp_words(const struct core_device *d, const struct core_peer_device *pd,
			      int w, char *buf, size_t len)
{
	struct text t;

	text_init(&t, buf, len);
	add_word(&t, pd->resync_susp_user[w], "user");
	add_word(&t, pd->resync_susp_peer[w], "peer");
	add_word(&t, pd->resync_susp_dependency[w], "after dependency");
	add_word(&t, pd->resync_susp_other_c[w], "connection dependency");
	add_word(&t, pd->resync_susp_max_parallel[w], "max-parallel");
	add_word(&t, drbd_is_sync_source(pd->repl_state[w]) && d->disk_state[w] <= D_INCONSISTENT,
		 "disk inconsistent");
	if (!t.used)
		text_add(&t, "no");
}

size_t drbd_resource_diff(const struct core_resource *r, char *buf, size_t len)
{
	char from[40], to[40];
	struct text t;

	text_init(&t, buf, len);
	if (r->role[DRBD_OLD] != r->role[DRBD_NEW])
		diff(&t, "role", drbd_role_text(r->role[DRBD_OLD]),
		     drbd_role_text(r->role[DRBD_NEW]));
	susp_words(r, DRBD_OLD, from, sizeof(from));
	susp_words(r, DRBD_NEW, to, sizeof(to));
	if (strcmp(from, to))
		diff(&t, "susp-io", from, to);
	if (r->fail_io[DRBD_OLD] != r->fail_io[DRBD_NEW])
		diff(&t, "force-io-failures", yes_no(r->fail_io[DRBD_OLD]),
		     yes_no(r->fail_io[DRBD_NEW]));
	return text_len(&t);
}

size_t drbd_connection_diff(const struct core_connection *c, char *buf, size_t len)
{
	struct text t;

	text_init(&t, buf, len);
	if (c->cstate[DRBD_OLD] != c->cstate[DRBD_NEW])
		diff(&t, "conn", drbd_conn_text(c->cstate[DRBD_OLD]),
		     drbd_conn_text(c->cstate[DRBD_NEW]));
	if (c->peer_role[DRBD_OLD] != c->peer_role[DRBD_NEW])
		diff(&t, "peer", drbd_role_text(c->peer_role[DRBD_OLD]),
		     drbd_role_text(c->peer_role[DRBD_NEW]));
	return text_len(&t);
}

size_t drbd_device_diff(const struct core_device *d, char *buf, size_t len)
{
	struct text t;

	text_init(&t, buf, len);
	if (d->disk_state[DRBD_OLD] != d->disk_state[DRBD_NEW])
		diff(&t, "disk", drbd_disk_text(d->disk_state[DRBD_OLD]),
		     drbd_disk_text(d->disk_state[DRBD_NEW]));
	if (d->quorum[DRBD_OLD] != d->quorum[DRBD_NEW])
		diff(&t, "quorum", yes_no(d->quorum[DRBD_OLD]), yes_no(d->quorum[DRBD_NEW]));
	return text_len(&t);
}

size_t drbd_peer_device_diff(const struct core_device *d, const struct core_peer_device *pd,
			     char *buf, size_t len)
{
	char from[96], to[96];
	struct text t;

	text_init(&t, buf, len);
	if (pd->disk_state[DRBD_OLD] != pd->disk_state[DRBD_NEW])
		diff(&t, "pdsk", drbd_disk_text(pd->disk_state[DRBD_OLD]),
		     drbd_disk_text(pd->disk_state[DRBD_NEW]));
	if (pd->repl_state[DRBD_OLD] != pd->repl_state[DRBD_NEW])
		diff(&t, "repl", drbd_repl_text(pd->repl_state[DRBD_OLD]),
		     drbd_repl_text(pd->repl_state[DRBD_NEW]));
	resync_susp_words(d, pd, DRBD_OLD, from, sizeof(from));
	resync_susp_words(d, pd, DRBD_NEW, to, sizeof(to));
	if (strcmp(from, to))
		diff(&t, "resync-susp", from, to);
	if (pd->replication[DRBD_OLD] != pd->replication[DRBD_NEW])
		diff(&t, "replication", yes_no(pd->replication[DRBD_OLD]),
		     yes_no(pd->replication[DRBD_NEW]));
	if (pd->peer_replication[DRBD_OLD] != pd->peer_replication[DRBD_NEW])
		diff(&t, "peer_replication", yes_no(pd->peer_replication[DRBD_OLD]),
		     yes_no(pd->peer_replication[DRBD_NEW]));
	return text_len(&t);
}
