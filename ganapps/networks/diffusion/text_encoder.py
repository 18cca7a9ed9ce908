"""CLIP's text encoder with its tokenizer: what a text-to-image network reads of a prompt (Radford
2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks import load_strictly
from ganapps.networks.diffusion.folder_parts import Part
from ganapps.networks.places import inside
from ganapps.networks.torchvision_ops import ensure_torchvision

# The keys of the folder's config that describe the network; others, which could name code to fetch,
# are not read.
NUMBERS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "projection_dim",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "layer_norm_eps",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
ACTIVATIONS = ("quick_gelu", "gelu")
LONGEST = 1024  # tokens; published encoders read 77
SPECIAL = ("unk_token", "bos_token", "eos_token", "pad_token")


class TextEncoder(nn.Module):
    """A text -> [1, tokens, C], always the same number of tokens."""

    def __init__(self, model: Part, tokenizer: Any) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    def forward(self, text: str) -> Tensor:
        """What the encoder makes of the text; of a long one, of its beginning."""
        tokens = self.tokenizer(
            text,
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        place = next(self.parameters()).device
        mask = tokens.attention_mask.to(place) if self.model.config.use_attention_mask else None
        return self.model(tokens.input_ids.to(place), attention_mask=mask)[0]

    def left_out(self, text: str) -> str:
        """The end of the text that is not read, in the tokenizer's spelling; "" where all of it
        is.
        """
        tokens = self.tokenizer(text, verbose=False).input_ids
        return self.tokenizer.decode(tokens[self.tokenizer.model_max_length - 1 : -1])


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> TextEncoder:
    """The encoder of a folder's `text_encoder.*` tensors and its `tokenizer` files. Raises
    ValueError.
    """
    ensure_torchvision()
    from transformers import CLIPTextConfig, CLIPTextModel

    config = _config(settings)
    try:
        with torch.device("meta"):
            made = CLIPTextConfig(**{**config, "attn_implementation": "sdpa"})
            made.use_attention_mask = bool(
                settings["text_encoder"].get("use_attention_mask", False)
            )
            model = CLIPTextModel(made)
    except (TypeError, KeyError, ZeroDivisionError) as e:
        raise ValueError(f"the config of text_encoder makes no CLIPTextModel: {e}") from e
    state = {_short(name): tensor for name, tensor in inside("text_encoder.", tensors).items()}
    model = load_strictly(
        model, {n: t for n, t in state.items() if not n.endswith("position_ids")}, _short
    )
    for owner in model.modules():  # a buffer that is in no file
        if "position_ids" in owner._buffers:
            owner.position_ids = torch.arange(made.max_position_embeddings)[None]
    return TextEncoder(model, _tokenizer(settings, made.max_position_embeddings, made.vocab_size))


def _short(name: str) -> str:
    """Versions of transformers put all of it under this prefix, or nothing."""
    return name.removeprefix("text_model.")


def _config(settings: Mapping[str, Any]) -> dict[str, Any]:
    config = settings.get("text_encoder")
    if not isinstance(config, Mapping) or config.get("model_type") not in (
        "clip_text_model",
        "clip",
    ):
        raise ValueError("text_encoder/config.json is not that of a CLIP text encoder")
    made = {key: config[key] for key in NUMBERS if key in config}
    wrong = [
        key
        for key, value in made.items()
        if isinstance(value, bool) or not isinstance(value, (int, float))
    ]
    made["hidden_act"] = config.get("hidden_act", "quick_gelu")
    if (
        wrong
        or made["hidden_act"] not in ACTIVATIONS
        or not 1 < made.get("max_position_embeddings", 77) <= LONGEST
    ):
        raise ValueError(
            "the config of text_encoder has values of no encoder: "
            f"{', '.join(wrong) or 'hidden_act'}"
        )
    return made


def _tokenizer(settings: Mapping[str, Any], most: int, words: int) -> Any:
    """The tokenizer of a folder's files, which are data: a vocabulary, and what is joined to
    what.
    """
    from transformers import CLIPTokenizer

    files = settings.get("tokenizer")
    if (
        not isinstance(files, Mapping)
        or not isinstance(files.get("vocab"), Mapping)
        or "merges" not in files
    ):
        raise ValueError("the folder lacks tokenizer/vocab.json or tokenizer/merges.txt")
    said = {**files.get("tokenizer_config", {}), **files.get("special_tokens_map", {})}
    special = {name: _content(said[name]) for name in SPECIAL if name in said}
    vocabulary, merges = dict(files["vocab"]), _merges(files["merges"])
    used = {token for pair in merges for token in (*pair, "".join(pair))} | {
        t for t in special.values() if t
    }
    if missing := sorted(used - vocabulary.keys()):
        raise ValueError(f"the tokenizer's vocabulary lacks {missing[0]!r}")
    if not all(type(n) is int and 0 <= n < words for n in vocabulary.values()):
        raise ValueError("the tokenizer's vocabulary does not fit the text encoder")
    length = said.get("model_max_length", most)
    length = min(length, most) if isinstance(length, int) and length > 1 else most
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        model_max_length=length,
        **special,
    )


def _merges(lines: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [line.split() for line in lines if line.strip() and not line.startswith("#version")]
    if wrong := next((pair for pair in pairs if len(pair) != 2), None):
        raise ValueError(f"tokenizer/merges.txt has the line {' '.join(wrong)[:40]!r}")
    return [(first, second) for first, second in pairs]


def _content(token: Any) -> str:
    """A special token is a text, or a table that holds it."""
    content = token.get("content") if isinstance(token, Mapping) else token
    if not isinstance(content, str):
        raise ValueError(f"the tokenizer has the special token {str(token)[:40]}")
    return content
