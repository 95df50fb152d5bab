"""The names that transformers gives GPT-2; those of its linear layers are OpenAI's own.

OpenAI keeps their weights as (in, out), the transpose of PyTorch's: they are convolutions of length 1 there.
"""

_BARE = """
wte.weight                        token_embedding.weight
wpe.weight                        pos_embed
h.{}.attn.bias                    -
h.{}.attn.masked_bias             -
h.{}.ln_1.*                       blocks.{}.ln_1.*
h.{}.attn.c_attn.weight           blocks.{}.attention.qkv.weight   transpose
h.{}.attn.c_attn.bias             blocks.{}.attention.qkv.bias
h.{}.attn.c_proj.weight           blocks.{}.attention.out.weight   transpose
h.{}.attn.c_proj.bias             blocks.{}.attention.out.bias
h.{}.ln_2.*                       blocks.{}.ln_2.*
h.{}.mlp.c_fc.weight              blocks.{}.mlp.fc1.weight         transpose
h.{}.mlp.c_fc.bias                blocks.{}.mlp.fc1.bias
h.{}.mlp.c_proj.weight            blocks.{}.mlp.fc2.weight         transpose
h.{}.mlp.c_proj.bias              blocks.{}.mlp.fc2.bias
ln_f.*                            ln_final.*
"""

# The published file has the bare names; one that was saved with its head puts a prefix before them.
HEAD = "lm_head.weight"
TOKENS = ("wte.weight", "transformer.wte.weight")
GPT2 = f"{HEAD} -\n{_BARE}" + "\n".join(f"transformer.{line}" for line in _BARE.split("\n") if line)
