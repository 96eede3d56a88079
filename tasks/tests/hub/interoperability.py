"""Fills or reads a cache with huggingface_hub, for interoperability.rs.

usage: interoperability.py CACHE online|offline KIND ID PATH...

Prints one line for each file: its path in the repository, a tab, where it lies.
"""

import sys

from huggingface_hub import hf_hub_download

cache, mode, kind, repository, *paths = sys.argv[1:]
for path in paths:
    place = hf_hub_download(
        repository, path, repo_type=kind, cache_dir=cache, local_files_only=mode == "offline"
    )
    print(path, place, sep="\t")
