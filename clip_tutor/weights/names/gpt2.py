"""The names that transformers gives GPT-2, which are those of OpenAI's own checkpoint.

Its linear layers are called Conv1D and keep their weights as (in, out), the transpose of PyTorch's.
"""

GPT2 = """
lm_head.weight                                 -
transformer.wte.weight                         token_embedding.weight
transformer.wpe.weight                         pos_embed
transformer.h.{}.attn.bias                     -
transformer.h.{}.attn.masked_bias              -
transformer.h.{}.ln_1.*                        blocks.{}.ln_1.*
transformer.h.{}.attn.c_attn.weight            blocks.{}.attention.qkv.weight   transpose
transformer.h.{}.attn.c_attn.bias              blocks.{}.attention.qkv.bias
transformer.h.{}.attn.c_proj.weight            blocks.{}.attention.out.weight   transpose
transformer.h.{}.attn.c_proj.bias              blocks.{}.attention.out.bias
transformer.h.{}.ln_2.*                        blocks.{}.ln_2.*
transformer.h.{}.mlp.c_fc.weight               blocks.{}.mlp.fc1.weight         transpose
transformer.h.{}.mlp.c_fc.bias                 blocks.{}.mlp.fc1.bias
transformer.h.{}.mlp.c_proj.weight             blocks.{}.mlp.fc2.weight         transpose
transformer.h.{}.mlp.c_proj.bias               blocks.{}.mlp.fc2.bias
transformer.ln_f.*                             ln_final.*
"""
