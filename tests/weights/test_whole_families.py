"""Images and captions to logits, from folders like those on the Hub: ALIGN, SigLIP, NaFlex against transformers."""

from dataclasses import replace
from pathlib import Path

import pytest
import sentencepiece
import torch
import transformers
from transformers.models.efficientnet.image_processing_pil_efficientnet import EfficientNetImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from clip_tutor import zoo
from clip_tutor.images.naflex import pad_patches
from clip_tutor.model import CLIP, CLIPConfig, CLIPOutput
from clip_tutor.tokenizers import SentencePieceBPETokenizer, Tokenizer, UnigramTokenizer, WordPieceTokenizer
from clip_tutor.tokenizers.sentencepiece.pieces import PieceType
from clip_tutor.towers import BertConfig, EfficientNetConfig
from clip_tutor.weights import load
from clip_tutor.weights.vocabularies import VOCABULARIES, VocabularyFile
from tests.images.examples import photograph
from tests.weights.conftest import shake

CAPTIONS = ["a small red dog", "two cats on a beach at night", "a lighthouse"]
IMAGES = [photograph(90, 60), photograph(50, 140, seed=1), photograph(70, 70, seed=2)]
BOTH = {"hidden_size": 48, "intermediate_size": 100, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPE = {"width": 48, "layers": 2, "heads": 4, "mlp_width": 100}


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch):
    """A function that enters a small model and its vocabulary where the published ones stand."""

    def enter(config: CLIPConfig, reader: type[Tokenizer]) -> None:
        small = VocabularyFile("small", "nobody/nothing", "nothing", "", reader.from_vocabulary)
        monkeypatch.setitem(VOCABULARIES, config.text.vocab_size, small)
        monkeypatch.setitem(zoo.MODELS, "Small", config)

    return enter


def learn(kind: str, folder: Path, **settings: object) -> Path:
    """Return the file of a small SentencePiece vocabulary that knows the captions."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS * 9),
        model_prefix=str(folder / "spiece"),
        model_type=kind,
        hard_vocab_limit=False,
        minloglevel=2,
        **settings,
    )
    return folder / "spiece.model"


def save(theirs: transformers.PreTrainedModel, folder: Path) -> transformers.PreTrainedModel:
    """Write a published model with random weights to a folder, and return it."""
    for tensor in theirs.parameters():  # so loud that different images give different vectors
        if tensor.dim() > 1:
            torch.nn.init.normal_(tensor, std=(2 / tensor[0].numel()) ** 0.5)
    theirs = shake(theirs)
    theirs.save_pretrained(folder)
    return theirs


def agree(model: CLIP, out: CLIPOutput, expected: torch.Tensor) -> None:
    """Hold the logits of all pairs together, once it is sure that images and captions differ enough to tell."""
    assert torch.pdist(out.image_features).min() > 0.02 and torch.pdist(out.text_features).min() > 0.02
    torch.testing.assert_close(model.logits(out.image_features, out.text_features), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@torch.no_grad()
def test_align_from_its_folder(tmp_path: Path, announce):
    words = sorted({word for caption in CAPTIONS for word in caption.split()} - {"lighthouse"})
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "light", "##house"]) + "\n")
    V = len(vocabulary.read_text().split())
    text = BOTH | {"vocab_size": V, "max_position_embeddings": 80}
    vision = {"width_coefficient": 0.5, "depth_coefficient": 0.5, "image_size": 64}
    settings = transformers.AlignConfig(
        text_config=text, vision_config=vision, projection_dim=160, temperature_init_value=0.1
    )
    torch.manual_seed(0)
    theirs = transformers.AlignModel(settings)
    theirs.vision_model.train()(torch.rand(8, 3, 64, 64) - 0.5)  # BatchNorm measures: else all images fade into one
    theirs = save(theirs, tmp_path)
    half_as_wide = EfficientNetConfig(64, width=0.5, depth=0.5)
    announce(
        replace(
            zoo.config("ALIGN-base"),
            embed_dim=160,
            vision=half_as_wide,
            text=BertConfig(V, 64, max_positions=80, **SHAPE),
        ),
        WordPieceTokenizer,
    )
    model, tokenizer, _ = load("Small", weights=tmp_path, vocabulary=vocabulary)
    ids = transformers.BertTokenizerFast(vocab=str(vocabulary))(
        CAPTIONS, padding="max_length", max_length=64, return_tensors="pt"
    )
    size = {"height": 346, "width": 346}
    half = [0.5, 0.5, 0.5]
    images = EfficientNetImageProcessorPil(
        size=size, resample=2, do_center_crop=True, crop_size=64, image_mean=half, image_std=half, include_top=False
    )
    expected = theirs(**ids, **images(IMAGES, return_tensors="pt")).logits_per_image
    pixels = torch.stack([model.config.preprocessing(image, 64) for image in IMAGES])
    out = model(pixels, torch.tensor(tokenizer(CAPTIONS)))
    torch.testing.assert_close(out.logit_scale, 1 / theirs.temperature)
    agree(model, out, expected)


@torch.no_grad()
def test_siglip_from_its_folder(tmp_path: Path, announce):
    vocabulary = learn("unigram", tmp_path, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, vocab_size=60)
    V = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary)).vocab_size()
    text = BOTH | {"vocab_size": V, "max_position_embeddings": 64, "bos_token_id": 2, "eos_token_id": 1}
    vision = BOTH | {"image_size": 48, "patch_size": 16}
    torch.manual_seed(0)
    theirs = save(transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)), tmp_path)
    like = zoo.config("SigLIP-B/16-224")
    vision_config = replace(like.vision, image_size=48, **SHAPE)
    announce(
        replace(like, embed_dim=48, vision=vision_config, text=replace(like.text, vocab_size=V, **SHAPE)),
        UnigramTokenizer,
    )
    model, tokenizer, _ = load("Small", weights=tmp_path, vocabulary=vocabulary)
    words = transformers.SiglipTokenizer(vocab_file=str(vocabulary))
    ids = words(CAPTIONS, padding="max_length", max_length=64, return_tensors="pt")["input_ids"]
    images = SiglipImageProcessorPil(size={"height": 48, "width": 48})(IMAGES, return_tensors="pt")
    expected = theirs(ids, **images).logits_per_image
    pixels = torch.stack([model.config.preprocessing(image, 48) for image in IMAGES])
    out = model(pixels, torch.tensor(tokenizer(CAPTIONS)))
    agree(model, out, expected)


@torch.no_grad()
def test_naflex_from_its_folder(tmp_path: Path, announce):
    gemma = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "eos_piece": "<eos>", "bos_piece": "<bos>"}
    spaces = {"add_dummy_prefix": False, "remove_extra_whitespaces": False}
    learned = SentencePieceBPETokenizer.from_vocabulary(learn("bpe", tmp_path, vocab_size=60, **gemma, **spaces))
    pieces = learned.vocabulary.pieces
    ids_of = {piece.text: i for i, piece in enumerate(pieces)}
    normal = sorted((piece for piece in pieces if piece.kind == PieceType.NORMAL), key=lambda piece: -piece.score)
    cuts = [(piece.text[:cut], piece.text[cut:]) for piece in normal for cut in range(1, len(piece.text))]
    words = transformers.Siglip2Tokenizer(vocab=ids_of, merges=[cut for cut in cuts if set(cut) <= ids_of.keys()])
    words.save_pretrained(tmp_path)
    V = len(words)
    text = BOTH | {"vocab_size": V, "max_position_embeddings": 64, "bos_token_id": 2, "eos_token_id": 1}
    vision = BOTH | {"num_patches": 36, "patch_size": 8}
    torch.manual_seed(0)
    theirs = save(
        transformers.Siglip2Model(transformers.Siglip2Config(text_config=text, vision_config=vision)), tmp_path
    )
    like = zoo.config("SigLIP2-B/16-NaFlex")
    vision_config = replace(like.vision, patch_size=8, grid_size=6, **SHAPE)
    announce(
        replace(like, embed_dim=48, vision=vision_config, text=replace(like.text, vocab_size=V, **SHAPE)),
        SentencePieceBPETokenizer,
    )
    model, tokenizer, _ = load("Small", weights=tmp_path, vocabulary=tmp_path / "tokenizer.json")
    # Put together from parts, theirs pads on the left and has no end token; the rows of training end in one, then pads.
    ended = [f"{caption}<eos>" for caption in CAPTIONS]
    ids = words(ended, padding="max_length", padding_side="right", max_length=64, return_tensors="pt")["input_ids"]
    images = Siglip2ImageProcessorPil(patch_size=8, max_num_patches=36)(IMAGES, return_tensors="pt")
    expected = theirs(ids, **images).logits_per_image
    out = model(pad_patches(IMAGES, patch_size=8, max_patches=36), torch.tensor(tokenizer(CAPTIONS)))
    agree(model, out, expected)
    squares = torch.stack([model.config.preprocessing(p, model.config.vision.image_size) for p in IMAGES])
    squashed = model.encode_image(squares, normalize=True)
    assert (squashed[2] - out.image_features[2]).abs().max() < 1e-5, "a square image is the same either way"
    assert (squashed[:2] - out.image_features[:2]).abs().amax(dim=1).min() > 1e-3
