/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that drbdsetup touches: the lock of a minor, the registry links.
 * Spec: drbdsetup.md 12.
 */
#ifndef DRBDSETUP_FILES_H
#define DRBDSETUP_FILES_H

#include <string>
#include <vector>

namespace drbdsetup {

/*
 * Write lock on a minor, held for the life of the object, excluding other
 * drbdsetup and drbdmeta processes.  Tools up to 9.24 and those after look at
 * different files, so both are taken, the older first.
 */
class MinorLock {
public:
	/* Tries for one second; throws Error (exit 20). */
	explicit MinorLock(unsigned int minor);
	~MinorLock();
	MinorLock(const MinorLock &) = delete;
	MinorLock &operator=(const MinorLock &) = delete;

private:
	void take(const std::string &path);
	std::vector<int> fds;
};

/* Remove the links that drbdadm made; one that is not there is fine, other errors are printed. */
void unregister_minor(unsigned int minor);
void unregister_resource(const std::string &name);

} // namespace drbdsetup

#endif
