# SPDX-License-Identifier: GPL-2.0-only
"""What the commands of drbdadm and drbdmeta do; names and options come from the tools."""

WHAT = {
    "attach": "attach the backing disk", "disk-options": "change options of the disk",
    "detach": "detach the backing disk", "connect": "connect to peers",
    "net-options": "change options of connections", "disconnect": "disconnect from peers",
    "up": "bring resources up: create, attach and connect",
    "resource-options": "change options of the resource",
    "peer-device-options": "change options of volumes towards peers",
    "down": "take resources down", "primary": "promote the resource to Primary",
    "secondary": "demote the resource to Secondary",
    "invalidate": "discard the local data; it is replaced from a peer",
    "invalidate-remote": "discard the data of peers; it is replaced from here",
    "outdate": "mark the local data as outdated", "resize": "use a changed size of the disks",
    "verify": "compare the data with peers", "pause-sync": "pause synchronisation",
    "resume-sync": "continue synchronisation",
    "adjust": "make the running state equal to the configuration",
    "adjust-with-progress": "the same, showing progress",
    "new-peer": "make a connection known to the driver", "del-peer": "forget a connection",
    "new-path": "add the paths of connections", "del-path": "remove the paths of connections",
    "wait-connect": "wait until connected", "wait-sync": "wait until synchronised",
    "wait-con-int": "wait until connected, at boot", "role": "show the role",
    "cstate": "show states of connections", "dstate": "show states of disks",
    "status": "show the state of everything", "dump": "show the configuration as understood",
    "dump-xml": "show the configuration as XML", "create-md": "write new metadata",
    "show-gi": "show generation identifiers, explained",
    "get-gi": "show generation identifiers", "dump-md": "show the metadata",
    "wipe-md": "destroy the metadata", "apply-al": "apply the activity log",
    "forget-peer": "free the metadata slot of a peer",
    "explain": "say what is not as it should be, and what can be done; of all resources if none is "
               "named; with --json for programs. "
               "Status 1 if there is something to say",
    "hidden-commands": "list commands for scripts, the driver and experts",
    "new-resource": "make a resource known to the driver", "sh-nop": "check the configuration",
    "sh-resources": "names of the resources of this host", "sh-resource": "name of the resource",
    "sh-mod-parms": "parameters for the module", "sh-dev": "devices", "sh-minor": "minor numbers",
    "sh-udev": "properties for udev", "sh-ll-dev": "backing disks", "sh-md-dev": "metadata disks",
    "sh-md-idx": "metadata index", "sh-ip": "own addresses", "sh-lr-of": "lower resource",
    "sh-list-config-file": "where resources are defined",
    "sh-list-adjustable": "resources that adjust would change",
    "proxy-up": "set up connections of a drbd-proxy", "proxy-down": "remove connections of a drbd-proxy",
    "suspend-io": "suspend I/O", "resume-io": "resume I/O", "set-gi": "write generation identifiers",
    "new-current-uuid": "start a new data generation",
    "check-resize": "note a changed size in the metadata", "new-minor": "create a volume's device",
    "del-minor": "remove a volume's device",
}

GENERAL = {
    "stacked": "work on stacked resources",
    "dry-run": "print the helper commands instead of running them",
    "verbose": "print the helper commands before running them; repeat for more",
    "config-file": "configuration file; - is standard input",
    "config-to-test": "read this file, too, and check it together with the configuration; only for "
                      "dump, dump-xml and sh-nop, status 1 with other commands",
    "config-to-exclude": "pass over includes of this file",
    "drbdsetup": "use this drbdsetup", "drbdmeta": "use this drbdmeta",
    "drbd-proxy-ctl": "use this drbd-proxy-ctl",
    "sh-varname": "with -d or -v: print NAME=resource before each command",
    "version": "print versions", "setup-option": "hand this word on to the helper",
    "help": "show usage",
}

# Longer explanations of commands of drbdadm, for the manual page only.
MORE = {
    "up": "Nothing is looked at that is already running: use `adjust` for that.",
    "adjust": "Only what differs is changed, so that it can be run at any time. "
              "`-d` shows what would be done.",
    "primary": "Refused while a peer is Primary, or without access to good data. `--force` declares "
               "the data of this node to be the good data, even if it is Inconsistent or Outdated: "
               "needed once, for the very first start, and dangerous ever after.",
    "secondary": "Refused while a device is open. `--force` fails the requests of a "
                 "Primary whose I/O is suspended, and demotes it.",
    "invalidate": "A full synchronisation from a peer follows.",
    "invalidate-remote": "A full synchronisation to the peers follows.",
    "create-md": "Existing data is looked for first, and asked about. `--max-peers` makes room "
                 "for more peers than are configured today.",
    "verify": "Differences are noted and reported; a later disconnect and connect "
              "synchronises them.",
    "resize": "After the backing disks of all nodes have grown, or with `--size` to shrink.",
    "connect": "`--discard-my-data` resolves a split brain by giving up the changes of this "
               "node since then.",
    "outdate": "A node whose data is outdated cannot become Primary.",
    "detach": "The node goes on with the data of its peers.",
    "down": "Refused while a device is open.",
    "dump": "With `-v` everything that is implied is shown, too.",
    "wait-connect": "Exit status 5 means that the time ran out.",
    "wait-sync": "Exit status 5 means that the time ran out.",
    "forget-peer": "Only for a peer that is no longer configured.",
}

# drbdmeta: what a command does, and options.
META = {
    "get-gi": "Print the data generation identifiers towards the peer `--node-id` on one line.",
    "show-gi": "Print them with an explanation of each field.",
    "dump-md": "Print the metadata as text, for `restore-md`. Metadata with an activity log that "
               "has not been applied is dumped only with `--force`.",
    "restore-md": "Write the metadata that the file describes, instead of what is there. The file "
                  "is read to its end before anything is written.",
    "verify-dump": "Read such a file and say whether it could be restored; the device is not "
                   "touched.",
    "apply-al": "Note in the bitmap what the activity log says was being written at a crash. Done "
                "by `drbdadm` before each attach.",
    "wipe-md": "Destroy the metadata. Asks first.",
    "outdate": "Mark the data as outdated. Status 5 if it is inconsistent.",
    "invalidate": "Mark the data as inconsistent; it will be synchronised in full.",
    "dstate": "Print what state the disk would have: `Consistent`, `Outdated`, `Inconsistent`.",
    "check-resize": "If the device has changed its size while it was not in use, move internal metadata "
                    "to the new end.",
    "create-md": "Write new metadata with room for <max-peers> peers, 1 to 31, or convert metadata "
                 "of DRBD 8. Refused if there seems to be other data in the way; asks before "
                 "existing metadata is overwritten.",
    "forget-peer": "Free the bitmap slot of the peer `--node-id`.",
    "repair-md": "Move internal metadata after a change of size, and correct slots of peers "
                 "that were never seen.",
    "dump-superblock": "Print the superblock as it is, even if it is not valid. Status 3 if it is "
                       "not, 2 if it was found where the end of the device was before.",
}

META_OPTIONS = {
    "force": "Answer every question with yes, accept a plain file as device, and do not insist on "
             "exclusive use.",
    "quiet": "With `--force`: do not print the questions.",
    "verbose": "Tell more; may be repeated.",
    "ignore-sanity-checks": "Leave out some checks of what is on the disk.",
    "dry-run": "Write nothing.",
    "tentative": "The same; meant for `repair-md`.",
    "node-id": "The peer, 0 to 31.",
    "peer-max-bio-size": "Largest request that the peers can take, up to 1M.",
    "al-stripes": "Number of stripes of the activity log; 1 if not given.",
    "al-stripe-size-kB": "Size of a stripe, in KiB; 32 if not given.",
    "initialize-bitmap": "How to initialise the bitmap: `automatic`, `zeroout` (leave it to the "
                         "disk), `pwrite`, `set-all` (everything out of sync), or `skip`.",
    "effective-size": "Size of the data area that is agreed upon, in sectors unless a unit is given.",
    "diskful-peers": "Peers that have a disk: node ids such as `0,2`, or a mask such as `0x5`.",
    "bitmap-block-size": "How much a bit of the bitmap stands for: a power of two from 4k to 1M.",
    "output-format": "`auto` (`hex` on a terminal, else `bin`), `hex`, `bin`, or `json`.",
    "initial-current-uuid": "Begin with this data generation: hexadecimal, or `generate`.",
    "consistent": "The data is consistent.",
    "uptodate": "The data is consistent and up to date.",
    "peers-outdated": "The data of all peers is outdated.",
    "rotate-uuids": "Begin a new data generation; that before goes into the history.",
    "var-lib-drbd": "Directory for what is remembered about devices, instead of /var/lib/drbd.",
}
