// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <iostream>

#include <linux/drbd.h>

namespace drbdsetup {

namespace {

/* Exit codes that scripts and fencing handlers look at. */
int state_change_exit_code(int ret_code)
{
	switch (ret_code) {
	case SS_NO_UP_TO_DATE_DISK: return 17;
	case SS_LOWER_THAN_OUTDATED: return 5;
	case SS_NO_LOCAL_DISK: return 16;
	}
	return 11;
}

} // namespace

int report_result(const std::string &object_name, const drbd::genl::Result &result)
{
	int code = result.ret_code;
	int exit_code = 0;
	bool warning = code == NO_ERROR || code == SS_SUCCESS;
	auto text = drbd::ret_code_text(code);

	if (code > NO_ERROR && code < AFTER_LAST_ERR_CODE) {
		std::cerr << object_name << ": Failure: (" << code << ") " << text.value_or("?")
			  << '\n';
		exit_code = 10;
	} else if (code <= 0 && code >= SS_LOWEST) {
		/* No blank before "unknown error.": the text has been like that for ever. */
		std::cerr << object_name << ": State change failed: (" << code << ")"
			  << (code == SS_UNKNOWN_ERROR ? "" : " ") << text.value_or("?") << '\n';
		exit_code = state_change_exit_code(code);
	} else if (code != NO_ERROR && !(code >= SS_SUCCESS && code <= SS_CW_NO_NEED)) {
		std::cerr << object_name << ": Error code " << code << " unknown.\n"
			  << "You should update the drbd userland tools.\n";
		exit_code = 20;
	}

	if (!result.info_texts.empty()) {
		std::cerr << (warning ? "warnings from kernel:\n" :
			      "additional info from kernel:\n");
		for (const auto &line : result.info_texts)
			std::cerr << line << '\n';
	}
	return exit_code;
}

} // namespace drbdsetup
