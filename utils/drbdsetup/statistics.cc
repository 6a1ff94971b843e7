// SPDX-License-Identifier: GPL-2.0-only
#include "statistics.h"

#include <cstdarg>
#include <cstdio>

namespace drbdsetup {

std::string format(const char *fmt, ...)
{
	char buffer[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buffer, sizeof(buffer), fmt, args);
	va_end(args);
	return buffer;
}

std::string done_item(const Progress &p)
{
	return p.has_done ? format(" done:%.2f", p.done) : "";
}

namespace {

std::string item(const char *name, uint64_t value)
{
	return " " + std::string(name) + ":" + std::to_string(value);
}

std::string signed_item(const char *name, uint64_t value)
{
	return " " + std::string(name) + ":" + std::to_string(static_cast<int64_t>(value));
}

} // namespace

std::vector<std::string> device_items(const device_statistics &s, unsigned int verbose,
				      bool with_al)
{
	std::vector<std::string> items;

	if (verbose)
		items.push_back(item("size", s.dev_size / 2));
	items.push_back(item("read", s.dev_read / 2));
	items.push_back(item("written", s.dev_write / 2));
	if (verbose) {
		items.push_back(item("al-writes", s.dev_al_writes));
		items.push_back(item("bm-writes", s.dev_bm_writes));
		items.push_back(item("upper-pending", s.dev_upper_pending));
		items.push_back(item("lower-pending", s.dev_lower_pending));
		if (with_al)
			items.push_back(std::string(" al-suspended:") +
					yes_no(s.dev_al_suspended));
	}
	return items;
}

std::string blocked_text(const device_statistics &s)
{
	std::string text;

	if (s.dev_upper_blocked)
		text = "upper";
	if (s.dev_lower_blocked)
		text += text.empty() ? "lower" : ",lower";
	return text.empty() ? "no" : text;
}

std::vector<std::string> peer_device_items(const PeerDevice &peer_device, const Progress &p,
					   unsigned int verbose)
{
	const auto &s = peer_device.statistics.v;
	std::vector<std::string> items;

	items.push_back(item("received", s.peer_dev_received / 2));
	items.push_back(item("sent", s.peer_dev_sent / 2));
	if (verbose || s.peer_dev_out_of_sync)
		items.push_back(item("out-of-sync", s.peer_dev_out_of_sync / 2));
	if (!verbose)
		return items;
	items.push_back(item("pending", s.peer_dev_pending));
	items.push_back(item("unacked", s.peer_dev_unacked));
	if (!p.details)
		return items;
	if (verbose >= 2) {
		items.push_back(item("rs-total", s.peer_dev_rs_total));
		items.push_back(item("rs-dt-start-ms", s.peer_dev_rs_dt_start_ms));
		items.push_back(item("rs-paused-ms", s.peer_dev_rs_paused_ms));
		items.push_back(item("rs-dt0-ms", s.peer_dev_rs_dt0_ms));
		items.push_back(signed_item("rs-db0-sectors", s.peer_dev_rs_db0_sectors));
		items.push_back(item("rs-dt1-ms", s.peer_dev_rs_dt1_ms));
		items.push_back(signed_item("rs-db1-sectors", s.peer_dev_rs_db1_sectors));
		if (p.verify) {
			items.push_back(item("ov-start-sector", s.peer_dev_ov_start_sector));
			items.push_back(item("ov-stop-sector", s.peer_dev_ov_stop_sector));
			items.push_back(item("ov-position", s.peer_dev_ov_position));
			items.push_back(item("ov-left", s.peer_dev_ov_left));
			items.push_back(item("ov-skipped", s.peer_dev_ov_skipped));
		} else {
			items.push_back(item("rs-failed", s.peer_dev_resync_failed));
			items.push_back(item("rs-same-csum", s.peer_dev_rs_same_csum));
		}
		if (s.peer_dev_rs_c_sync_rate)
			items.push_back(format(" want:%.2f", s.peer_dev_rs_c_sync_rate / 1024.0));
		items.push_back(format(" dbdt:%.2f", p.rate));
		items.push_back(format(" dbdt0:%.2f", p.rate0));
	}
	items.push_back(format(" dbdt1:%.2f", p.rate1));
	items.push_back(p.has_eta ? format(" eta:%.0f", p.eta) : " eta:nan");
	return items;
}

} // namespace drbdsetup
