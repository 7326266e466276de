"""Networks, feature extractors and tokenizers of transformers, loaded from a `Checkpoint` that was looked at before.

Everything is read from its folder: no network, no pickle, no code beside the weights.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from auscult.errors import ModelFileError
from auscult.extras import require_extra
from auscult.models.hf_checkpoint import EXTRA, PURPOSE, Checkpoint, first_line

_SAFE = {"trust_remote_code": False, "local_files_only": True}


def load_network(checkpoint: Checkpoint, auto_class: str, *, may_miss: tuple[str, ...] = (), **options: Any) -> Any:
    """A network with all its weights, in float32 whatever they are saved as, in evaluation mode.

    Parameters
    ----------
    auto_class : of transformers, such as "AutoModelForAudioClassification"
    may_miss : beginnings of names of weights that may be missing, because they are not used
    options : handed on to `from_pretrained`

    Raises
    ------
    ModelFileError : where it cannot be loaded, or a weight is missing, which would stay random
    """
    torch = require_extra("torch", extra=EXTRA, purpose=PURPOSE)
    with quiet_loading(checkpoint, "model.safetensors"):
        network, report = _class(auto_class).from_pretrained(
            checkpoint.folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **_SAFE, **options
        )
    absent = {*map(str, report["missing_keys"]), *(str(key[0]) for key in report["mismatched_keys"])}
    missing = sorted(key for key in absent if not key.startswith(may_miss or ("\0",)))
    if missing:
        raise ModelFileError(
            f"{checkpoint.origin}: {len(missing)} weights that {type(network).__name__} needs are not in its file "
            f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}) and would be random; take a checkpoint "
            f"that was trained for it, or train one: auscult train SOURCE --backbone {checkpoint.origin} -o RUN"
        )
    return network.eval()


def load_extractor(checkpoint: Checkpoint) -> Any:
    """What makes a network's input from sound, as `preprocessor_config.json` describes it.

    Raises
    ------
    ModelFileError : where there is none, or it cannot be loaded
    """
    with quiet_loading(checkpoint, "preprocessor_config.json"):
        extractor = _class("AutoFeatureExtractor").from_pretrained(checkpoint.folder, **_SAFE)
    # Noise that would make scores of the same sound differ from call to call.
    if getattr(extractor, "dither", 0.0):
        extractor.dither = 0.0
    return extractor


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """What makes numbers of words.

    Raises
    ------
    ModelFileError : where there is none, or it cannot be loaded
    """
    with quiet_loading(checkpoint, "tokenizer files"):
        return _class("AutoTokenizer").from_pretrained(checkpoint.folder, **_SAFE)


def _class(name: str) -> Any:
    return getattr(require_extra("transformers", extra=EXTRA, purpose=PURPOSE), name)


@contextlib.contextmanager
def quiet_loading(checkpoint: Checkpoint, what: str) -> Iterator[None]:
    """Within, transformers is quiet, and whatever it throws is ours."""
    logging = require_extra("transformers.utils.logging", extra=EXTRA, purpose=PURPOSE)
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # AST's 128 bands over a transform of 512 points leave some empty: that is how it was trained.
            warnings.filterwarnings("ignore", "At least one mel filter", UserWarning)
            yield
    # What goes wrong inside has as many types as transformers, safetensors and tokenizers have authors.
    except Exception as error:
        raise ModelFileError(
            f"{checkpoint.origin}: its {what} cannot be loaded ({first_line(error)}); fetch or save it again, or "
            "upgrade with: pip install -U transformers"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
