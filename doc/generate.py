#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the manual pages and the completions for bash and zsh.

    generate.py DIRECTORY-OF-TOOLS OUTPUT-DIRECTORY

Commands, options, ranges and defaults come from the tools, that is from the schema; the sentences
around them stand beside this file.
"""

import pathlib
import sys

import completion
import pages
import tables


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    bin_dir, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    adm, setup = tables.drbdadm(bin_dir), tables.drbdsetup(bin_dir)
    meta = tables.drbdmeta(bin_dir)
    mon = tables.drbdmon(bin_dir) if (bin_dir / "drbdmon").exists() else None
    files = {
        "drbd.conf.5": pages.drbd_conf(adm), "drbdadm.8": pages.drbdadm(adm),
        "drbdsetup.8": pages.drbdsetup(setup, adm), "drbdmeta.8": pages.drbdmeta(meta),
        "drbd.7": pages.units(), "drbdadm.bash": completion.bash(adm, setup, meta, mon),
        "_drbdadm": completion.zsh(adm, setup, meta, mon),
    }
    for name in ("drbd", "drbd-attr"):
        files[f"ocf_linbit_{name}.7"] = pages.agent(name)
    for name in pages.aliases() + ["drbd.8"]:
        files[name] = ".so man7/drbd.7\n"
    if mon:
        files["drbdmon.8"] = pages.drbdmon(mon)
    for name, text in files.items():
        (out / name).write_text(str(text))


if __name__ == "__main__":
    main()
