/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Netlink attributes to structures and back, by the schema in
 * include/linux/drbd_genl.h.  Spec: netlink.md 3, 4.  No locks; any context.
 *
 * A handler that takes options (info->attrs are the top-level attributes):
 *
 *	struct drbd_parse_report report;
 *	struct disk_conf conf;
 *
 *	disk_conf_init(&conf);				creation: zero and defaults
 *	err = disk_conf_from_attrs(&conf, info->attrs, DRBD_PARSE_create, &report);
 *	if (err) {
 *		drbd_reply_text(reply, "%s", report.text);
 *		if (report.detail[0])
 *			drbd_reply_text(reply, "%s", report.detail);
 *		return ERR_MANDATORY_TAG;
 *	}
 *
 * One that changes them works on a copy, so that a refused request changes nothing:
 *
 *	conf = *device->ldev->disk_conf;
 *	if (header->flags & DRBD_GENL_F_SET_DEFAULTS)
 *		disk_conf_reset(&conf);
 *	err = disk_conf_from_attrs(&conf, info->attrs, DRBD_PARSE_change, &report);
 *
 * Commands without defaults (set_role_parms, ...) start from a zeroed structure or
 * <nest>_init() and use DRBD_PARSE_optional.  Whether a member was given at all is
 * drbd_given(&report, T_member).
 *
 * A dump:
 *
 *	err = disk_conf_to_skb(skb, &conf, 0, !capable(CAP_SYS_ADMIN));
 *	...
 *	ctx.ctx_volume = 7; ...
 *	err = cfg_context_to_skb(skb, &ctx, DRBD_MEMBER(ctx_volume) |
 *				 DRBD_MEMBER(ctx_resource_name), false);
 *
 * The family's .policy is drbd_tla_policy, .maxattr DRBD_NLA_MAX.
 */
#ifndef DRBD_GENL_CODEC_H
#define DRBD_GENL_CODEC_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <net/netlink.h>
#endif		/* else: tests/unit/genl_codec_shim.h came first */
#include <linux/drbd_genl.h>

struct sk_buff;
struct nlattr;

#ifdef __KERNEL__
/* Top-level policy: known numbers must be nests; what is in them is our business. */
extern const struct nla_policy drbd_tla_policy[DRBD_NLA_MAX + 1];
#endif

struct drbd_parse_report {
	const char *text;	/* NULL, or what was wrong in the words of netlink.md 3.4 */
	char detail[128];	/* which attribute and why; may be empty */
	u64 given;		/* bit per attribute number that was there */
};

#define DRBD_MEMBER(member) (1ULL << T_##member)

/* Was the attribute (T_*) in the nest that was parsed into @report? */
#define drbd_given(report, attr) (((report)->given >> (attr)) & 1)

/*
 * Parse top-level attribute number @tla of @attrs (indexed by number) into @dst,
 * the structure of that nest.  Members that are not in the message stay as they
 * are.  Values out of the schema's range are refused, or clamped where it says
 * so.  After an error @dst may be half written.
 *
 * Returns 0; otherwise ->text is set, and the code, which is for CFG_CONTEXT
 * (its faults are answered with an NLMSG_ERROR; everything else with
 * ERR_MANDATORY_TAG), is
 *	-ENOMSG		the nest, or a required member, is missing
 *	-EEXIST		an invariant member is in a change
 *	-EOPNOTSUPP	unknown attribute with bit 14
 *	-EINVAL		malformed or out of range
 *	-ERANGE		string or binary too long
 */
int drbd_nest_from_attrs(unsigned int tla, void *dst, struct nlattr **attrs,
			 enum drbd_genl_parse mode, struct drbd_parse_report *report);

/*
 * Append top-level attribute @tla with the members of @src.  @members: bit per
 * attribute number that is to be sent (DRBD_MEMBER()), 0 for all;
 * @exclude_sensitive leaves out secrets.  0 or -EMSGSIZE (nothing appended then).
 */
int drbd_nest_to_skb(unsigned int tla, struct sk_buff *skb, const void *src, u64 members,
		     bool exclude_sensitive);

#define DRBD__CODEC_DECL(nr, name)							\
static inline int name##_from_attrs(struct name *dst, struct nlattr **attrs,		\
				    enum drbd_genl_parse mode,				\
				    struct drbd_parse_report *report)			\
{											\
	return drbd_nest_from_attrs(nr, dst, attrs, mode, report);			\
}											\
											\
static inline int name##_to_skb(struct sk_buff *skb, const struct name *src,		\
				u64 members, bool exclude_sensitive)			\
{											\
	return drbd_nest_to_skb(nr, skb, src, members, exclude_sensitive);		\
}
DRBD_NESTS(DRBD__CODEC_DECL)

/*
 * The list form of PATH_PARMS in connection dumps and notifications: start, one
 * drbd_path_list_add() per path, end.  An empty list is sent too.  The addresses
 * carry bit 14 because tools up to 9.34.0 look for it (netlink.md 9.4).
 * start: NULL if there is no room; add: 0 or -EMSGSIZE (then cancel with
 * nla_nest_cancel(skb, list)).
 */
struct nlattr *drbd_path_list_start(struct sk_buff *skb);
int drbd_path_list_add(struct sk_buff *skb, const void *my_addr, unsigned int my_addr_len,
		       const void *peer_addr, unsigned int peer_addr_len);
void drbd_path_list_end(struct sk_buff *skb, struct nlattr *list);

/*
 * Append a byte-for-byte copy of a request's attribute, all type bits kept, as a
 * reply's CFG_CONTEXT wants it.  0 or -EMSGSIZE.
 */
int drbd_copy_attr(struct sk_buff *skb, const struct nlattr *nla);

/*
 * All info texts of a reply in one CFG_REPLY: start, one drbd_info_add() per text
 * (without a newline at its end), end.  A text that does not fit is dropped: a
 * reply must never fail for want of room.
 */
struct nlattr *drbd_info_start(struct sk_buff *skb);
void drbd_info_add(struct sk_buff *skb, const char *text);
void drbd_info_end(struct sk_buff *skb, struct nlattr *info);

#endif
