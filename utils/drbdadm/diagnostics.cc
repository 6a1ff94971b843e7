// SPDX-License-Identifier: GPL-2.0-only
#include "diagnostics.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <syslog.h>

namespace drbd::adm {

Diagnostics::Diagnostics()
{
	to_syslog_ = fcntl(2, F_GETFD) < 0 && errno == EBADF;
	if (to_syslog_)
		openlog("drbdadm", LOG_PID, LOG_DAEMON);
}

void Diagnostics::say(std::string_view message)
{
	if (!said_.emplace(message).second && only_new_)
		return;
	if (capture_)
		capture_->append(message).append("\n");
	if (quiet_ || capture_)
		return;
	if (to_syslog_) {
		syslog(LOG_ERR, "%.*s", static_cast<int>(message.size()), message.data());
		return;
	}
	// What went to stdout so far belongs before the message.
	fflush(stdout);
	fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
}

void Diagnostics::say_once(const std::string &message)
{
	if (said_once_.insert(message).second)
		say(message);
}

}  // namespace drbd::adm
