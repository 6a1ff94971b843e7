// SPDX-License-Identifier: GPL-2.0-only
#include "console.h"

#include <unistd.h>

#include "fail.h"

namespace drbd::meta {

void Console::context(const std::string &text) const
{
	if (!quiet_)
		fputs(text.c_str(), stderr);
}

bool Console::confirm(const std::string &question)
{
	// What was said so far belongs before the question.
	fflush(stdout);
	if (quiet_) {
		suppressed_++;
		return true;
	}
	fprintf(stderr, "\n%s\n", question.c_str());
	if (force_) {
		fputs("*** confirmation forced via --force option ***\n", stderr);
		return true;
	}
	if (!isatty(STDIN_FILENO)) {
		fputs("stdin not a TTY, not waiting for confirmation\n", stderr);
		return false;
	}
	fputs("[need to type 'yes' to confirm] ", stderr);

	char *line = nullptr;
	size_t size = 0;
	ssize_t n = getline(&line, &size, stdin);
	bool yes = n >= 0 && std::string_view(line, n) == "yes\n";

	free(line);
	fputc('\n', stderr);
	return yes;
}

void Console::report_suppressed() const
{
	if (quiet_ && suppressed_)
		fprintf(stderr, "# --force --quiet: %u confirmation(s) suppressed and auto-confirmed\n",
			suppressed_);
}

std::string human_size(u64 kib)
{
	static const char units[] = "KMGTPE";
	int unit = 0;

	while (kib >= 10000 && units[unit + 1]) {
		kib = (kib >> 10) + (kib >> 9 & 1);
		unit++;
	}
	return format("%llu %cB", (unsigned long long)kib, units[unit]);
}

} // namespace drbd::meta
