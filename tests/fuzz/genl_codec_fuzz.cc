// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's parsers of netlink requests: any bytes as any nest, in any mode.
 * Whatever is accepted is in range, so it is accepted again when sent back.
 */
#include <cerrno>

#include "../unit/genl_codec_shim.h"
#include "../../drbd/genl_codec.c"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 4000)
		return 0;
	unsigned int tla = data[0];
	auto mode = static_cast<drbd_genl_parse>(1 + data[1] % 3);
	const drbd_genl_nest *nest = tla <= DRBD_NLA_MAX ? find_nest(tla) : nullptr;
	if (!nest)
		return 0;
	data += 2;
	size -= 2;

	/* Exactly as long as the message, so that a read beyond it is noticed. */
	std::vector<char> bytes(NLA_HDRLEN + size);
	nlattr head{static_cast<u16>(bytes.size()), static_cast<u16>(tla)};
	memcpy(bytes.data(), &head, sizeof(head));
	if (size)
		memcpy(bytes.data() + NLA_HDRLEN, data, size);
	nlattr *attrs[DRBD_NLA_MAX + 1] = {};
	attrs[tla] = reinterpret_cast<nlattr *>(bytes.data());
	std::vector<u64> value((nest->size + 7) / 8), again(value.size());
	drbd_parse_report report;
	if (drbd_nest_from_attrs(tla, value.data(), attrs, mode, &report)) {
		if (!report.text)
			abort();
		return 0;
	}

	sk_buff skb;
	if (!report.given || drbd_nest_to_skb(tla, &skb, value.data(), report.given, false))
		return 0;
	attrs[tla] = reinterpret_cast<nlattr *>(skb.data.data());
	if (drbd_nest_from_attrs(tla, again.data(), attrs, mode, &report) || value != again)
		abort();
	return 0;
}
