/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel's netlink attributes as drbd/genl_codec.c needs, for its
 * tests: attributes in memory, and a buffer of limited size to put them in.
 */
#ifndef GENL_CODEC_SHIM_H
#define GENL_CODEC_SHIM_H

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int32_t s32;
typedef long long s64;

struct nlattr {
	u16 nla_len;
	u16 nla_type;
};

#define NLA_HDRLEN 4
#define NLA_ALIGN(len) (((len) + 3) & ~3)

static inline int nla_len(const nlattr *nla) { return nla->nla_len - NLA_HDRLEN; }

static inline void *nla_data(const nlattr *nla)
{
	return const_cast<char *>(reinterpret_cast<const char *>(nla)) + NLA_HDRLEN;
}

template <class T> static inline T nla_get(const nlattr *nla)
{
	T v;
	memcpy(&v, nla_data(nla), sizeof(v));
	return v;
}

static inline u8 nla_get_u8(const nlattr *nla) { return nla_get<u8>(nla); }
static inline u32 nla_get_u32(const nlattr *nla) { return nla_get<u32>(nla); }
static inline s32 nla_get_s32(const nlattr *nla) { return nla_get<s32>(nla); }
static inline u64 nla_get_u64(const nlattr *nla) { return nla_get<u64>(nla); }

static inline bool nla_ok(const nlattr *nla, int rem)
{
	return rem >= NLA_HDRLEN && nla->nla_len >= NLA_HDRLEN && nla->nla_len <= rem;
}

static inline const nlattr *nla_next(const nlattr *nla, int *rem)
{
	int step = NLA_ALIGN(nla->nla_len);

	*rem -= step;
	return reinterpret_cast<const nlattr *>(reinterpret_cast<const char *>(nla) + step);
}

#define nla_for_each_nested(pos, nla, rem)					\
	for (rem = nla_len(nla), pos = static_cast<const nlattr *>(nla_data(nla)); \
	     nla_ok(pos, rem); pos = nla_next(pos, &(rem)))

struct sk_buff {
	std::vector<char> data;
	size_t limit = 65536;

	explicit sk_buff(size_t limit = 65536) : limit(limit) { data.reserve(65536); }
};

static inline nlattr *shim_put(sk_buff *skb, int type, int len, const void *p)
{
	size_t at = skb->data.size();

	if (at + static_cast<size_t>(NLA_ALIGN(NLA_HDRLEN + len)) > skb->limit)
		return nullptr;
	skb->data.resize(at + static_cast<size_t>(NLA_ALIGN(NLA_HDRLEN + len)));
	auto *nla = reinterpret_cast<nlattr *>(skb->data.data() + at);
	nla->nla_len = static_cast<u16>(NLA_HDRLEN + len);
	nla->nla_type = static_cast<u16>(type);
	if (len)
		memcpy(nla_data(nla), p, static_cast<size_t>(len));
	return nla;
}

static inline int nla_put(sk_buff *skb, int type, int len, const void *p)
{
	return shim_put(skb, type, len, p) ? 0 : -EMSGSIZE;
}

static inline int nla_put_u8(sk_buff *skb, int type, u8 v) { return nla_put(skb, type, 1, &v); }
static inline int nla_put_u32(sk_buff *skb, int type, u32 v) { return nla_put(skb, type, 4, &v); }
static inline int nla_put_s32(sk_buff *skb, int type, s32 v) { return nla_put(skb, type, 4, &v); }
static inline int nla_put_u64_64bit(sk_buff *skb, int type, u64 v, int)
{
	return nla_put(skb, type, 8, &v);
}
static inline int nla_put_string(sk_buff *skb, int type, const char *s)
{
	return nla_put(skb, type, static_cast<int>(strlen(s) + 1), s);
}

static inline nlattr *nla_nest_start_noflag(sk_buff *skb, int type)
{
	return shim_put(skb, type, 0, nullptr);
}
static inline nlattr *nla_nest_start(sk_buff *skb, int type)
{
	return nla_nest_start_noflag(skb, type | 0x8000);
}
static inline void nla_nest_end(sk_buff *skb, nlattr *nla)
{
	nla->nla_len = static_cast<u16>(skb->data.data() + skb->data.size() -
					reinterpret_cast<char *>(nla));
}
static inline void nla_nest_cancel(sk_buff *skb, nlattr *nla)
{
	skb->data.resize(static_cast<size_t>(reinterpret_cast<char *>(nla) - skb->data.data()));
}

#define ARRAY_SIZE(a) (static_cast<int>(sizeof(a) / sizeof((a)[0])))
#define min_t(t, a, b) std::min<t>((a), (b))
#define clamp_t(t, v, lo, hi) std::clamp<t>((v), (lo), (hi))
#define fallthrough [[fallthrough]]
#define WARN_ON_ONCE(cond) ((cond) ? (fprintf(stderr, "WARN: %s\n", #cond), abort(), true) : false)

#endif
