# SPDX-License-Identifier: GPL-2.0-only
"""What each option does.

Name, kind, range, default and unit come from the tools' tables; only the sentences stand here.
Markup: `word` is literal, <word> is a placeholder.  A test refuses an option without a text and a
text without an option.
"""

RESOURCE = {
    "cpu-mask": "Processors on which the threads of this resource may run: a hexadecimal bit mask. "
                "Empty: the threads of each resource are spread over all processors.",
    "on-no-data-accessible": "What a Primary does with requests when neither the local disk nor a "
                             "peer has the data: fail them, or hold them until data is accessible "
                             "again.",
    "auto-promote": "Opening a device for writing makes this node Primary for as long as it stays "
                    "open, unless a peer is Primary.",
    "peer-ack-window": "After this amount of written data the peers are told which writes have "
                       "reached everybody.",
    "peer-ack-delay": "When no further write comes for this time, the peers are told which writes "
                      "have reached everybody, even if the window is not full.",
    "twopc-timeout": "How long a cluster-wide state change may take before it is given up.",
    "twopc-retry-timeout": "Longest random pause before a state change that clashed with another "
                           "one is tried again.",
    "auto-promote-timeout": "How long an open waits for a promotion that is not possible yet, for "
                            "instance because the old Primary is still closing its devices.",
    "max-io-depth": "Largest number of application requests in flight; further ones wait. "
                    "Internal writes of the activity log are not counted.",
    "quorum": "How many nodes must be reachable, with good data among them, for this node to go "
              "on: `majority` or `all` of the nodes with a disk, a number of them, or `off`.",
    "on-no-quorum": "What happens to requests while there is no quorum: they fail, or they are "
                    "held until quorum is back.",
    "quorum-minimum-redundancy": "How many nodes with UpToDate data the partition must have, in "
                                 "addition to the majority asked for by `quorum`.",
    "on-suspended-primary-outdated": "What a Primary whose requests are held for lack of quorum does "
                                     "when it meets a Primary with newer data: stay away, or "
                                     "become Secondary and fail the held requests.",
    "drbd8-api-compatibility": "The resource was set up with the commands of DRBD 8: `auto-promote` "
                               "then defaults to `no`.",
}

NET = {
    "transport": "Name of the transport module, without its prefix `drbd_transport_`. Empty means "
                 "`tcp`. Can be set only when the connection is made.",
    "load-balance-paths": "Use all established paths at a time, if the transport can. Can be set "
                          "only when the connection is made.",
    "protocol": "When a write is complete: `A`, when it is on the local disk and in the send "
                "buffer; `B`, when it has also arrived at the peer; `C`, when it is on both disks.",
    "timeout": "A peer that does not answer a request for this time is considered dead. Must be less "
               "than `connect-int` and `ping-int`.",
    "max-epoch-size": "Largest number of writes between two write barriers.",
    "connect-int": "Pause between attempts to connect.",
    "ping-int": "An idle connection is checked this often.",
    "sndbuf-size": "Send buffer of the data socket; 0 leaves it to the kernel.",
    "rcvbuf-size": "Receive buffer of the data socket; 0 leaves it to the kernel.",
    "ko-count": "A Secondary that fails to complete a write for this many times `timeout` is "
                "disconnected; 0 switches that off.",
    "allow-two-primaries": "Both ends may be Primary at a time. Only for cluster file systems, and "
                           "only together with fencing.",
    "cram-hmac-alg": "Hash with which peers prove to each other that they know the shared secret, "
                     "for instance `sha256`. Empty: no proof is asked for.",
    "shared-secret": "The secret for that proof.",
    "after-sb-0pri": "How a split brain is resolved when neither node is Primary: not at all; "
                     "throwing away the changes of the node that was promoted last or first; "
                     "taking the only side with changes, or the side with more; or throwing away "
                     "those of the local or the remote node. Anything but `disconnect` may lose "
                     "data without asking.",
    "after-sb-1pri": "The same when one node is Primary: not at all; as `after-sb-0pri` says if it "
                     "condemns the Secondary; always the Secondary; as `after-sb-0pri` says, calling "
                     "the handler `pri-lost-after-sb` on the Primary if that loses; or as "
                     "`after-sb-0pri` says even if the Primary's data changes under its feet.",
    "after-sb-2pri": "The same when both nodes are Primary.",
    "always-asbp": "Resolve a split brain automatically even if a third node was involved.",
    "rr-conflict": "What to do when data and roles disagree, so that a Primary would have to be "
                   "synchronised: disconnect; call the handler `pri-lost`; synchronise all the "
                   "same; try to connect again and again; or discard the data of the node that "
                   "should become the target, if it is not in use.",
    "ping-timeout": "How long the answer to a connection check may take.",
    "data-integrity-alg": "Hash sent along with each data block and compared on arrival. For finding "
                          "hardware faults: a buffer that changes while it is written "
                          "disconnects. Empty: none.",
    "tcp-cork": "Collect small packets and send them as one where that is possible.",
    "on-congestion": "With protocol A, what to do when the send buffer is full: wait; stop "
                     "replicating until it has drained, noting the changed blocks; or disconnect.",
    "congestion-fill": "Amount of data in flight from which the connection counts as congested; "
                       "0 means that this is not looked at.",
    "congestion-extents": "Number of active activity-log extents from which the connection counts as "
                          "congested.",
    "csums-alg": "Hash for comparing blocks before they are sent in a resynchronisation. Empty: they "
                 "are sent without comparing.",
    "csums-after-crash-only": "Compare only in a resynchronisation after a Primary crashed.",
    "verify-alg": "Hash for online verification. Without one `verify` is refused.",
    "use-rle": "Compress the bitmap when it is exchanged.",
    "socket-check-timeout": "How long to wait for the first packet on a new socket; 0: as long as "
                            "`ping-timeout`. For paths with long round trips.",
    "fencing": "What a Primary that lost its peer does: nothing; call the handler `fence-peer`; or "
               "hold all requests until the handler `fence-peer` has succeeded.",
    "max-buffers": "Largest number of pages that a node reserves for what arrives over this "
                   "connection.",
    "allow-remote-read": "Read from this peer when the local disk has no good data.",
    "tls": "Encrypt the connection with kernel TLS.",
    "tls-keyring": "Description of the keyring with the certificates of the authorities.",
    "tls-privkey": "Description of the key that holds the private key.",
    "tls-certificate": "Description of the key that holds the own certificate.",
    "rdma-ctrl-rcvbuf-size": "Receive buffer for control messages of the RDMA transport.",
    "rdma-ctrl-sndbuf-size": "Send buffer for control messages of the RDMA transport.",
    "_name": "Name under which the connection is shown; normally the name of the peer.",
}

DISK = {
    "size": "Use only so much of the disk; 0 means all of it.",
    "on-io-error": "What to do when the local disk fails a request: report the error to the "
                   "application on a Primary and note the block as out of sync; call the handler "
                   "`local-io-error`; or detach the disk and go on with the peers' data.",
    "disk-barrier": "Keep the order of writes on the disk with barriers. Kernels of today have none: "
                    "accepted, and of no effect.",
    "disk-flushes": "Flush the disk's cache between writes that depend on each other. Switch it off "
                    "only if the cache survives a loss of power.",
    "disk-drain": "Wait for writes before issuing those that depend on them, if neither barriers nor "
                  "flushes are used.",
    "md-flushes": "Flush the disk's cache when metadata is written. Switch it off only if the cache "
                  "survives a loss of power.",
    "resync-after": "Name of a resource, or <resource>`/`<volume>, that is synchronised before this "
                    "one. For `drbdsetup` it is a minor number. -1: none.",
    "al-extents": "How much may be changed without writing metadata, in extents of 4 MiB. More make "
                  "writing faster and the resynchronisation after a crash longer. A value out of "
                  "range is replaced by the nearest that is in range.",
    "al-updates": "Keep the activity log up to date. Without it a crashed Primary must be "
                  "synchronised in full.",
    "discard-zeroes-if-aligned": "Hand discards of aligned areas on even if the disk does not promise "
                                 "to return zeroes afterwards; the edges are zeroed.",
    "disable-write-same": "Accepted for compatibility.",
    "disk-timeout": "A disk that does not complete a request for this time is detached; 0: never. "
                    "Dangerous: the request may still write into memory that is used anew.",
    "read-balancing": "From where a Primary reads when both sides have good data.",
    "rs-discard-granularity": "In a resynchronisation, areas of this size that hold only zeroes are "
                              "discarded on the target instead of written; 0: never.",
    "bitmap": "Keep a bitmap of changed blocks on this disk.",
}

PEER_DEVICE = {
    "resync-rate": "Rate of the resynchronisation when it is not regulated (`c-plan-ahead` 0), and "
                   "the one to begin with.",
    "c-plan-ahead": "How far ahead the regulation of the resynchronisation rate plans; 0 switches it "
                    "off. Should be at least five times the round trip time.",
    "c-delay-target": "The regulation aims at this delay along the way, if `c-fill-target` is 0.",
    "c-fill-target": "The regulation aims at this amount of resynchronisation data in flight.",
    "c-max-rate": "The regulation never goes beyond this rate.",
    "c-min-rate": "The resynchronisation is throttled down to this rate, but not further, when the "
                  "application uses the disk; 0: it does not give way at all.",
    "bitmap": "Reserve a bitmap slot for this peer. Without one it is always synchronised in full; for "
              "peers without a disk.",
    "resync-without-replication": "A Secondary may be synchronised from another Secondary that has no "
                                  "connection to the Primary.",
    "peer-tiebreaker": "A peer without a disk counts when quorum hangs in the balance.",
}

DEVICE = {
    "max-bio-size": "Largest request that the device takes.",
    "diskless": "This node is meant to have no disk for the volume.",
    "block-size": "Logical block size that the device shows.",
    "discard-granularity": "Discard granularity that the device shows. The default leaves it to the "
                           "backing disks; 0 means that the device takes no discards.",
}

STARTUP = {
    "wfc-timeout": "How long to wait for the peers after a clean shutdown; 0: for ever.",
    "degr-wfc-timeout": "How long to wait if the peer was already gone before this node stopped.",
    "outdated-wfc-timeout": "How long to wait if the peer is known to be outdated.",
    "wait-after-sb": "Go on waiting after a split brain.",
    "stacked-timeouts": "For stacked resources, use these times instead of twice `connect-int`.",
    "become-primary-on": "Accepted for compatibility, of no effect: use `auto-promote`, a unit "
                         "`drbd-promote@`, or a cluster manager.",
}

HANDLERS = {
    "pri-on-incon-degr": "This node is Primary and has lost its last access to good data.",
    "pri-lost-after-sb": "This node is Primary, the resolution of a split brain decided against its "
                         "data, and it could not be demoted.",
    "pri-lost": "This node is Primary but should be synchronised from the peer.",
    "initial-split-brain": "A split brain was found, also one that is then resolved automatically.",
    "split-brain": "A split brain was found that nothing resolves: the connection is dropped.",
    "outdate-peer": "Old name of `fence-peer`; accepted and not run.",
    "fence-peer": "The peer is lost and must be kept from becoming Primary. The exit status tells what "
                  "was achieved: 3 the peer's data is inconsistent, 4 it is now outdated, 5 it is "
                  "unreachable and believed dead, 6 it is Primary and this node is outdated, 7 it has "
                  "been switched off. Anything else is a failure.",
    "unfence-peer": "The peer has been synchronised: undo what `fence-peer` did.",
    "local-io-error": "The local disk failed a request; for `on-io-error call-local-io-error`.",
    "before-resync-target": "Before this node is synchronised. A status above 0 drops the connection.",
    "after-resync-target": "After this node was synchronised, also if that was broken off.",
    "before-resync-source": "Before a peer is synchronised from this node. A status above 0, apart "
                            "from 3, drops the connection.",
    "out-of-sync": "A verification ended and found differences.",
    "quorum-lost": "This node is Primary and lost quorum.",
    "disconnected": "A connection ended; `DRBD_CSTATE` tells why.",
}

PROXY = {
    "memlimit": "Memory for buffering.",
    "read-loops": "Reads from the socket before anything else is done.",
    "compression": "Compress what is sent.",
    "bwlimit": "Limit of the bandwidth.",
    "sndbuf-size": "Send buffer.",
    "rcvbuf-size": "Receive buffer.",
    "ping-timeout": "How long the answer to a connection check may take.",
}

# The global section is not part of the schema.
GLOBAL = {
    "minor-count": ("1 to 255", "Number of minors that `drbdadm sh-mod-parms` prints."),
    "dialog-refresh": ("0 to 600", "Seconds between updates of the display of `wait-con-int`."),
    "disable-ip-verification": ("", "Do not check that the own addresses are configured."),
    "udev-always-use-vnr": ("", "Links below `/dev/drbd/by-res` end in a volume number even if the "
                                "resource has a single volume without one."),
    "usage-count": ("`yes` | `no` | `ask`", "Accepted; nothing is ever counted or sent."),
    "cmd-timeout-short": ("0 to 900", "Seconds after which most helper commands are given up; "
                                      "0: never."),
    "cmd-timeout-medium": ("0 to 900", "The same for commands that wait for disks or peers."),
    "cmd-timeout-long": ("0 to 900", "The same for `drbdmeta` and handlers."),
}

# Options of single commands of drbdsetup and drbdadm.
COMMAND = {
    "force": "Do it although something speaks against it.",
    "set-defaults": "First return every option that is not named to its default.",
    "diskless": "The device stays without a disk on purpose.",
    "tentative": "Find out whether the peers could connect and how they would synchronise, and "
                 "connect no further.",
    "discard-my-data": "If there is a split brain, throw away the changes of this node.",
    "size": "New size; the largest possible if it is missing.",
    "assume-peer-has-space": "Resize without asking a peer that is not connected.",
    "assume-clean": "Do not synchronise the new area: it is taken to be equal on all nodes.",
    "al-stripes": "Number of stripes of the activity log.",
    "al-stripe-size-kB": "Size of a stripe of the activity log.",
    "clear-bitmap": "Take the disks of all nodes to be equal: no initial synchronisation.",
    "force-resync": "Start a full synchronisation to the peers.",
    "sync-from-peer-node-id": "Take the data from this peer; -1: from any.",
    "reset-bitmap": "Copy everything (`yes`), or only what the bitmap says (`no`).",
    "start": "Begin here.",
    "stop": "End here.",
    "bdev-freeze": "Freeze a file system on the device first, so that it is consistent.",
    "show-defaults": "Show options that have their default, too.",
    "verbose": "Tell more; repeat it for everything.",
    "statistics": "Tell counters and sizes, too.",
    "color": "Use colours: `always`, `auto` or `never`.",
    "json": "Write JSON.",
    "timestamps": "Begin each line with the time.",
    "now": "Tell what exists, and end.",
    "poll": "Read standard input; each `n` tells what exists, anything else ends the command.",
    "full": "Tell all values with each change, not only the changed ones.",
    "diff": "Write changes as <old>`->`<new>.",
    "rcvbuf": "Size of the receive buffer for notifications.",
    "wfc-timeout": STARTUP["wfc-timeout"],
    "degr-wfc-timeout": STARTUP["degr-wfc-timeout"],
    "outdated-wfc-timeout": STARTUP["outdated-wfc-timeout"],
    "wait-after-sb": STARTUP["wait-after-sb"],
    "max-peers": "Number of peers for which the metadata has room.",
    "peer-max-bio-size": "Largest request that the peers can take, if it is known.",
    "skip-disk": "Leave disks alone.",
    "skip-net": "Leave connections alone.",
}
