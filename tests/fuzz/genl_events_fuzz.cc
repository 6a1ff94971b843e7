// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever bytes come as netlink notifications: the decoder and events2 neither
 * crash nor read beyond the message.  Input: messages, each after its length
 * (two bytes, little endian) without the netlink header.
 */
#include <cstdint>
#include <cstring>
#include <sstream>
#include <vector>

#include <linux/netlink.h>

#include "drbdsetup/events2.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	drbdsetup::EventOptions options;
	options.statistics = data[0] & 1;
	options.full = data[0] & 2;
	options.diff = data[0] & 4;
	std::ostringstream out;
	drbdsetup::EventWatcher watcher(options, drbd::Palette(data[0] & 8), {}, out);
	data++;
	size--;

	watcher.start_initial();
	while (size >= 2) {
		size_t len = data[0] | data[1] << 8;
		data += 2;
		size -= 2;
		len = std::min(len, size);
		std::vector<char> bytes(NLMSG_HDRLEN + len);
		nlmsghdr header{};
		header.nlmsg_len = static_cast<uint32_t>(bytes.size());
		memcpy(bytes.data(), &header, sizeof(header));
		if (len)
			memcpy(bytes.data() + NLMSG_HDRLEN, data, len);
		data += len;
		size -= len;
		drbd::genl::Message::with_copy(bytes, [&](const drbd::genl::Message &message) {
			if (!message.truncated())
				watcher.apply(message);
			(void)message.info_texts();
		});
	}
	watcher.finish_initial();
	return 0;
}
