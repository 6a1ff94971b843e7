// SPDX-License-Identifier: GPL-2.0-only
/* Any text as output of events2: a model whose parts agree, and problems that can be told. */
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

#include "drbdmon/assess.h"
#include "drbdmon/model.h"

using namespace drbd::mon;

static void require(bool ok)
{
	if (!ok)
		abort();
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);
	Model model;
	Seconds now = 0;

	while (!text.empty()) {
		size_t end = std::min(text.find('\n'), text.size());
		model.apply(text.substr(0, end), "12:00:00");
		text.remove_prefix(std::min(end + 1, text.size()));
		model.sample(now += 7);
	}
	for (const auto &[name, r] : model.resources()) {
		require(r.name == name && r.helpers.size() <= 20);
		for (const auto &p : assess(r)) {
			require(p.peer < 0 || r.connections.count(p.peer));
			require(!full_text(r, p).empty());
		}
		for (const auto &[id, c] : r.connections) {
			require(c.peer_node_id == id);
			for (const auto &[volume, pd] : c.peer_devices)
				require(!pd.done || std::isfinite(*pd.done));
		}
	}
	require(model.log().size() <= 500);
	return 0;
}
