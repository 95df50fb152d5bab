"""The names that transformers gives CLIP and SigLIP, whose classes share nearly all of them."""

SCALE = """
logit_scale                                                        log_logit_scale   squeeze
logit_bias                                                         logit_bias        squeeze
"""

_VISION_BLOCKS = """
vision_model.embeddings.position_ids                               -
vision_model.embeddings.position_embedding.weight                  image_tower.pos_embed
vision_model.embeddings.patch_embedding.*                          image_tower.patch_embed.proj.*
vision_model.encoder.layers.{}.layer_norm1.*                       image_tower.blocks.{}.ln_1.*
vision_model.encoder.layers.{}.self_attn.[q_proj|k_proj|v_proj].*  image_tower.blocks.{}.attention.qkv.*
vision_model.encoder.layers.{}.self_attn.out_proj.*                image_tower.blocks.{}.attention.out.*
vision_model.encoder.layers.{}.layer_norm2.*                       image_tower.blocks.{}.ln_2.*
vision_model.encoder.layers.{}.mlp.fc1.*                           image_tower.blocks.{}.mlp.fc1.*
vision_model.encoder.layers.{}.mlp.fc2.*                           image_tower.blocks.{}.mlp.fc2.*
vision_model.post_layernorm.*                                      image_tower.ln_post.*
"""

# "layrnorm": their spelling, and part of every checkpoint since.
VIT = f"""{_VISION_BLOCKS}
vision_model.embeddings.class_embedding                            image_tower.cls_token
vision_model.pre_layrnorm.*                                        image_tower.ln_pre.*
visual_projection.weight                                           image_tower.projection   transpose
"""

SIGLIP_VIT = f"""{_VISION_BLOCKS}
vision_model.head.probe                                            image_tower.head.probe   squeeze
vision_model.head.attention.in_proj_*                              image_tower.head.attention.qkv.*
vision_model.head.attention.out_proj.*                             image_tower.head.attention.out.*
vision_model.head.layernorm.*                                      image_tower.head.ln.*
vision_model.head.mlp.fc1.*                                        image_tower.head.mlp.fc1.*
vision_model.head.mlp.fc2.*                                        image_tower.head.mlp.fc2.*
"""

# Patches of any image come cut out already: their embedding is a matrix.
NAFLEX = SIGLIP_VIT.replace("image_tower.patch_embed.proj", "image_tower.patch_embed")

_TEXT_BLOCKS = """
text_model.embeddings.position_ids                                 -
text_model.embeddings.token_embedding.weight                       text_tower.token_embedding.weight
text_model.embeddings.position_embedding.weight                    text_tower.pos_embed
text_model.encoder.layers.{}.layer_norm1.*                         text_tower.blocks.{}.ln_1.*
text_model.encoder.layers.{}.self_attn.[q_proj|k_proj|v_proj].*    text_tower.blocks.{}.attention.qkv.*
text_model.encoder.layers.{}.self_attn.out_proj.*                  text_tower.blocks.{}.attention.out.*
text_model.encoder.layers.{}.layer_norm2.*                         text_tower.blocks.{}.ln_2.*
text_model.encoder.layers.{}.mlp.fc1.*                             text_tower.blocks.{}.mlp.fc1.*
text_model.encoder.layers.{}.mlp.fc2.*                             text_tower.blocks.{}.mlp.fc2.*
text_model.final_layer_norm.*                                      text_tower.ln_final.*
"""

TEXT = f"""{_TEXT_BLOCKS}
text_projection.weight                                             text_tower.projection   transpose
"""

SIGLIP_TEXT = f"""{_TEXT_BLOCKS}
text_model.head.weight                                             text_tower.projection   transpose
text_model.head.bias                                               text_tower.projection_bias
"""
