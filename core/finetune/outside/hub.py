"""To the Hugging Face hub: a folder that `outside.write` left becomes a repository, private unless told otherwise."""

from pathlib import Path

from core.errors import SidelightError
from core.models.loading import check_model_name
from core.settings import setting


def check(name: str) -> str:
    """What can be known before anything is written; the name. Raises SidelightError `model.bad_name`, `model.token`,
    `result.hub_off`, `result.no_token`."""
    from huggingface_hub import get_token

    name = check_model_name(name)
    if not setting("HUB"):
        raise SidelightError("result.hub_off")
    if not get_token():
        raise SidelightError("result.no_token")
    return name


def push(folder: Path, name: str, public: bool = False) -> str:
    """The address of the repository. Raises SidelightError as `check` does, `result.hub_public` for a repository that
    is there and open to all though nobody asked for that, `result.no_network`, `result.hub_refused`."""
    from huggingface_hub import HfApi
    from huggingface_hub import errors as raised

    name, api = check(name), HfApi()
    try:
        address = api.create_repo(name, private=not public, exist_ok=True)
        if not public and not api.model_info(address.repo_id).private:
            raise SidelightError("result.hub_public", name=address.repo_id)
        api.upload_folder(repo_id=address.repo_id, folder_path=folder, commit_message="Fine-tuned with Sidelight")
    except (raised.HfHubHTTPError, raised.HFValidationError) as error:
        raise SidelightError("result.hub_refused", reason=str(error).strip().split("\n")[0][:200]) from error
    except (raised.HTTPError, ConnectionError) as error:
        raise SidelightError("result.no_network") from error
    return str(address)
