// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink attributes to structures and back, driven by the schema's tables.
 * Compiles in user space too, as C++: what comes from outside is tested and
 * fuzzed there.
 */
#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/skbuff.h>
#include <net/netlink.h>
#endif
#define DRBD_GENL_TABLES
#include "genl_codec.h"

#ifdef __KERNEL__
#define DRBD__TLA_POLICY(nr, name) [nr] = { .type = NLA_NESTED },
const struct nla_policy drbd_tla_policy[DRBD_NLA_MAX + 1] = {
	DRBD_NESTS(DRBD__TLA_POLICY)
};
#endif

static const struct drbd_genl_nest *find_nest(unsigned int tla)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(drbd_genl_nests); i++)
		if (drbd_genl_nests[i].nr == tla)
			return &drbd_genl_nests[i];
	return NULL;
}

static const struct drbd_genl_field *find_field(const struct drbd_genl_nest *nest, unsigned int nr)
{
	int i;

	for (i = 0; i < nest->nr_fields; i++)
		if (nest->fields[i].nr == nr)
			return &nest->fields[i];
	return NULL;
}

/* How the user knows the field. */
static const char *field_label(const struct drbd_genl_field *field)
{
	return field->option[0] ? field->option : field->name;
}

static int malformed(struct drbd_parse_report *report, const struct drbd_genl_field *field,
		     const char *why, int err)
{
	report->text = "invalid attribute value";
	snprintf(report->detail, sizeof(report->detail), "%s: %s", field_label(field), why);
	return err;
}

/* ------------------------------------------------------------------ parsing */

static bool is_word(const struct drbd_genl_field *field, s64 value)
{
	const struct drbd_genl_word *word;

	for (word = field->words; word->word; word++)
		if (word->value == value)
			return true;
	return false;
}

static int check_u64(const struct drbd_genl_field *field, u64 *value,
		     struct drbd_parse_report *report)
{
	u64 min = field->min;

	if (field->kind == DRBD_K_enum || field->kind == DRBD_K_enumi) {
		if (is_word(field, *value))
			return 0;
	} else if (*value >= min && *value <= field->max) {
		return 0;
	} else if (field->flags & DRBD_F_KCLAMP) {
		*value = clamp_t(u64, *value, min, field->max);
		return 0;
	}

	report->text = "invalid attribute value";
	snprintf(report->detail, sizeof(report->detail), "%s: %llu is not in %llu ... %llu",
		 field_label(field), *value, min, (u64)field->max);
	return -EINVAL;
}

static int check_s64(const struct drbd_genl_field *field, s64 *value,
		     struct drbd_parse_report *report)
{
	s64 max = field->max;

	if (field->kind == DRBD_K_symnum && is_word(field, *value))
		return 0;
	if (*value >= field->min && *value <= max)
		return 0;
	if (field->flags & DRBD_F_KCLAMP) {
		*value = clamp_t(s64, *value, field->min, max);
		return 0;
	}

	report->text = "invalid attribute value";
	snprintf(report->detail, sizeof(report->detail), "%s: %lld is not in %lld ... %lld",
		 field_label(field), *value, (s64)field->min, max);
	return -EINVAL;
}

/* Integers may be longer than needed, not shorter. */
static int min_len(const struct drbd_genl_field *field)
{
	switch (field->type) {
	case DRBD_T_flag:
		return 1;
	case DRBD_T_u32:
	case DRBD_T_s32:
		return 4;
	case DRBD_T_u64:
		return 8;
	}
	return 0;
}

static int field_from_attr(const struct drbd_genl_field *field, void *dst,
			   const struct nlattr *nla, struct drbd_parse_report *report)
{
	void *member = (char *)dst + field->offset;
	int len = nla_len(nla);
	const char *nul;
	u64 u;
	s64 s;
	int err;

	if (len < min_len(field))
		return malformed(report, field, "too short", -EINVAL);

	switch (field->type) {
	case DRBD_T_flag:
		*(u8 *)member = nla_get_u8(nla) != 0;
		return 0;
	case DRBD_T_u32:
		u = nla_get_u32(nla);
		err = check_u64(field, &u, report);
		if (!err)
			*(u32 *)member = u;
		return err;
	case DRBD_T_s32:
		s = nla_get_s32(nla);
		err = check_s64(field, &s, report);
		if (!err)
			*(s32 *)member = s;
		return err;
	case DRBD_T_u64:
		u = nla_get_u64(nla);
		err = check_u64(field, &u, report);
		if (!err)
			*(u64 *)member = u;
		return err;
	case DRBD_T_str:
		nul = (const char *)memchr(nla_data(nla), 0, min_t(int, len, field->len));
		if (!nul)
			return malformed(report, field, "not a terminated string", -EINVAL);
		if (len > field->len)
			return malformed(report, field, "string too long", -ERANGE);
		memset(member, 0, field->len);
		memcpy(member, nla_data(nla), nul - (const char *)nla_data(nla));
		return 0;
	case DRBD_T_bin:
		if (len > field->len)
			return malformed(report, field, "too long", -ERANGE);
		*(u32 *)((char *)dst + field->len_offset) = len;
		memset(member, 0, field->len);
		memcpy(member, nla_data(nla), len);
		return 0;
	}
	return -EINVAL;
}

static int check_required(const struct drbd_genl_nest *nest, struct drbd_parse_report *report)
{
	int i;

	for (i = 0; i < nest->nr_fields; i++) {
		const struct drbd_genl_field *field = &nest->fields[i];

		if ((field->flags & DRBD_F_REQUIRED) && !drbd_given(report, field->nr)) {
			report->text = "required attribute missing";
			snprintf(report->detail, sizeof(report->detail), "%s",
				 field_label(field));
			return -ENOMSG;
		}
	}
	return 0;
}

int drbd_nest_from_attrs(unsigned int tla, void *dst, struct nlattr **attrs,
			 enum drbd_genl_parse mode, struct drbd_parse_report *report)
{
	const struct drbd_genl_nest *nest = find_nest(tla);
	const struct drbd_genl_field *field;
	const struct nlattr *nla;
	unsigned int nr;
	int rem, err;

	report->text = NULL;
	report->detail[0] = 0;
	report->given = 0;

	if (WARN_ON_ONCE(!nest))
		return -EINVAL;

	if (!attrs || !attrs[tla]) {
		if (mode != DRBD_PARSE_create)
			return 0;
		report->text = "required attribute missing";
		snprintf(report->detail, sizeof(report->detail), "%s", nest->name);
		return -ENOMSG;
	}

	nla_for_each_nested(nla, attrs[tla], rem) {
		/* Bit 14 is not the byte-order flag here, so no nla_type(). */
		nr = nla->nla_type & DRBD_NLA_NR_MASK;
		field = find_field(nest, nr);
		if (!field) {
			if (!(nla->nla_type & DRBD_NLA_MANDATORY))
				continue;
			report->text = "unknown mandatory attribute";
			snprintf(report->detail, sizeof(report->detail), "%s: number %u",
				 nest->name, nr);
			return -EOPNOTSUPP;
		}
		if (mode == DRBD_PARSE_change && (field->flags & DRBD_F_INVARIANT)) {
			report->text = "can not change invariant setting";
			snprintf(report->detail, sizeof(report->detail), "%s",
				 field_label(field));
			return -EEXIST;
		}
		err = field_from_attr(field, dst, nla, report);
		if (err)
			return err;
		report->given |= 1ULL << nr;
	}
	if (rem > 0) {
		report->text = "invalid attribute value";
		snprintf(report->detail, sizeof(report->detail), "%s: %d bytes left over",
			 nest->name, rem);
		return -EINVAL;
	}

	return mode == DRBD_PARSE_change ? 0 : check_required(nest, report);
}

/* ------------------------------------------------------------------ sending */

/*
 * Options are listed in the schema as users see them, but travel in the order of
 * their numbers, rs-discard-granularity right after number 22 (netlink.md 4).
 */
static unsigned int wire_rank(const struct drbd_genl_nest *nest, unsigned int index)
{
	const struct drbd_genl_field *field = &nest->fields[index];

	switch (nest->nr) {
	case DRBD_NLA_disk_conf:
		if (field->nr == T_rs_discard_granularity)
			return 2 * T_unplug_watermark + 1;
		fallthrough;
	case DRBD_NLA_res_opts:
	case DRBD_NLA_net_conf:
		return 2 * field->nr;
	}
	return index + 1;
}

static const struct drbd_genl_field *next_to_send(const struct drbd_genl_nest *nest,
						  unsigned int *rank)
{
	const struct drbd_genl_field *next = NULL;
	unsigned int best = UINT_MAX;
	unsigned int i, r;

	for (i = 0; i < nest->nr_fields; i++) {
		r = wire_rank(nest, i);
		if (r > *rank && r < best) {
			best = r;
			next = &nest->fields[i];
		}
	}
	*rank = best;
	return next;
}

static int field_to_skb(struct sk_buff *skb, const struct drbd_genl_field *field, const void *src)
{
	const void *member = (const char *)src + field->offset;

	switch (field->type) {
	case DRBD_T_flag:
		return nla_put_u8(skb, field->nr, *(const u8 *)member);
	case DRBD_T_u32:
		return nla_put_u32(skb, field->nr, *(const u32 *)member);
	case DRBD_T_s32:
		return nla_put_s32(skb, field->nr, *(const s32 *)member);
	case DRBD_T_u64:
		return nla_put_u64_64bit(skb, field->nr, *(const u64 *)member, 0);
	case DRBD_T_str:
		return nla_put(skb, field->nr, strnlen((const char *)member, field->len - 1) + 1,
			       member);
	case DRBD_T_bin:
		return nla_put(skb, field->nr,
			       min_t(u32, *(const u32 *)((const char *)src + field->len_offset),
				     field->len), member);
	}
	return -EMSGSIZE;
}

int drbd_nest_to_skb(unsigned int tla, struct sk_buff *skb, const void *src, u64 members,
		     bool exclude_sensitive)
{
	const struct drbd_genl_nest *nest = find_nest(tla);
	const struct drbd_genl_field *field;
	unsigned int rank = 0;
	struct nlattr *nla;

	if (WARN_ON_ONCE(!nest))
		return -EMSGSIZE;

	/* Three nests go without NLA_F_NESTED, as ever (netlink.md 3.1). */
	if (tla == DRBD_NLA_cfg_reply || tla == DRBD_NLA_cfg_context || tla == DRBD_NLA_path_parms)
		nla = nla_nest_start_noflag(skb, tla);
	else
		nla = nla_nest_start(skb, tla);
	if (!nla)
		return -EMSGSIZE;

	while ((field = next_to_send(nest, &rank))) {
		if (members && !(members & (1ULL << field->nr)))
			continue;
		if (exclude_sensitive && (field->flags & DRBD_F_SENSITIVE))
			continue;
		if (field_to_skb(skb, field, src)) {
			nla_nest_cancel(skb, nla);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(skb, nla);
	return 0;
}

struct nlattr *drbd_path_list_start(struct sk_buff *skb)
{
	return nla_nest_start_noflag(skb, DRBD_NLA_path_parms);
}

int drbd_path_list_add(struct sk_buff *skb, const void *my_addr, unsigned int my_addr_len,
		       const void *peer_addr, unsigned int peer_addr_len)
{
	if (nla_put(skb, T_my_addr | DRBD_NLA_MANDATORY, my_addr_len, my_addr) ||
	    nla_put(skb, T_peer_addr | DRBD_NLA_MANDATORY, peer_addr_len, peer_addr))
		return -EMSGSIZE;
	return 0;
}

void drbd_path_list_end(struct sk_buff *skb, struct nlattr *list)
{
	nla_nest_end(skb, list);
}

int drbd_copy_attr(struct sk_buff *skb, const struct nlattr *nla)
{
	return nla_put(skb, nla->nla_type, nla_len(nla), nla_data(nla));
}

struct nlattr *drbd_info_start(struct sk_buff *skb)
{
	return nla_nest_start_noflag(skb, DRBD_NLA_cfg_reply);
}

void drbd_info_add(struct sk_buff *skb, const char *text)
{
	/* No room: dropped, see the header. */
	(void)nla_put_string(skb, T_info_text, text);
}

void drbd_info_end(struct sk_buff *skb, struct nlattr *info)
{
	if (info)
		nla_nest_end(skb, info);
}
