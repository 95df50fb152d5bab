"""Files from the Hugging Face Hub: from the cache if they are there, from the network if not, else a clear error.

    fetch(repo, file, revision) ─▶ ~/.cache/huggingface/hub/models--…/snapshots/<commit>/file

`huggingface_hub` does the work: it resumes a broken download, shows a progress bar, checks what it got, and keeps off
the network where HF_HUB_OFFLINE=1 is set.
"""

import importlib.util
import socket
import urllib.request
from pathlib import Path

from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, RemoteEntryNotFoundError, RepositoryNotFoundError

# The file of OpenAI's repository that OpenCLIP carries along: where it is installed, CLIP's ids need no network.
_CARRIED = ("open_clip", "bpe_simple_vocab_16e6.txt.gz")


def fetch(repo: str, file: str, revision: str = "main") -> Path:
    """Return the path of a file of the Hub, downloaded if the cache does not have it.

    Args:
        repo: "owner/name".
        file: its path in the repository.
        revision: a commit, branch or tag. Without a network, any that the cache calls "main" will do.

    Raises:
        FileNotFoundError: the file is not in the cache and cannot be had from the Hub; the message says how to get it.
    """
    if isinstance(cached := try_to_load_from_cache(repo, file, revision=revision), str):
        return Path(cached)
    why = "the network is switched off (HF_HUB_OFFLINE=1)"
    if not constants.HF_HUB_OFFLINE:
        why = "the Hub cannot be reached from here"
        if _reachable():
            try:
                return Path(hf_hub_download(repo, file, revision=revision))
            except GatedRepoError:
                why = "its owner asks you to accept a license first: do so on the Hub's page, then run `hf auth login`"
            except (RepositoryNotFoundError, RemoteEntryNotFoundError) as error:
                why = f"the Hub does not have it ({type(error).__name__})"
            except OSError as error:
                why = f"the download failed ({error})"
    if isinstance(cached := try_to_load_from_cache(repo, file), str):
        return Path(cached)
    at = f" --revision {revision}" if revision != "main" else ""
    raise FileNotFoundError(
        f"{file} of {repo} is not in the cache ({constants.HF_HUB_CACHE}), and {why}. Where there is a network, run\n"
        f"    hf download {repo} {file}{at}\n"
        "and copy that folder here, or give the path of a file that you have instead of a name"
    )


def commit_of(path: Path) -> str:
    """Return the commit that a file of the cache belongs to, the name of its snapshot; "" for any other file."""
    return path.parts[path.parts.index("snapshots") + 1] if "snapshots" in path.parts else ""


def carried_by_open_clip() -> Path | None:
    """Return CLIP's vocabulary as an installed OpenCLIP carries it, None where there is none. Nothing is imported."""
    package, file = _CARRIED
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    return path if path and path.is_file() else None


def _reachable() -> bool:
    """Tell in a moment whether the Hub's name can be looked up: a download would try for half a minute."""
    if urllib.request.getproxies():
        return True
    host = constants.ENDPOINT.split("//")[-1].split("/")[0].split(":")[0]
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
