"""OpenCLIP's names, which are OpenAI's wherever OpenAI had one."""

# OpenAI's own files tell three sizes as well; the text tower's mask is saved by some versions.
SCALE = """
logit_scale                                         log_logit_scale   squeeze
logit_bias                                          logit_bias        squeeze
input_resolution                                    -
context_length                                      -
vocab_size                                          -
"""

VIT = """
visual.class_embedding                              image_tower.cls_token
visual.positional_embedding                         image_tower.pos_embed
visual.conv1.*                                      image_tower.patch_embed.proj.*
visual.ln_pre.*                                     image_tower.ln_pre.*
visual.transformer.resblocks.{}.ln_1.*              image_tower.blocks.{}.ln_1.*
visual.transformer.resblocks.{}.attn.in_proj_*      image_tower.blocks.{}.attention.qkv.*
visual.transformer.resblocks.{}.attn.out_proj.*     image_tower.blocks.{}.attention.out.*
visual.transformer.resblocks.{}.ln_2.*              image_tower.blocks.{}.ln_2.*
visual.transformer.resblocks.{}.mlp.c_fc.*          image_tower.blocks.{}.mlp.fc1.*
visual.transformer.resblocks.{}.mlp.c_proj.*        image_tower.blocks.{}.mlp.fc2.*
visual.ln_post.*                                    image_tower.ln_post.*
visual.proj                                         image_tower.projection
"""

RESNET = """
visual.conv{}.weight                                image_tower.stem.conv{}.conv.weight
visual.bn{}.*                                       image_tower.stem.conv{}.norm.*
visual.layer{}.{}.conv{}.weight                     image_tower.stage{}.{}.conv{}.conv.weight
visual.layer{}.{}.bn{}.*                            image_tower.stage{}.{}.conv{}.norm.*
visual.layer{}.{}.downsample.0.weight               image_tower.stage{}.{}.shortcut.conv.weight
visual.layer{}.{}.downsample.1.*                    image_tower.stage{}.{}.shortcut.norm.*
visual.attnpool.positional_embedding                image_tower.pool.pos_embed
visual.attnpool.q_proj.*                            image_tower.pool.query.*
visual.attnpool.k_proj.*                            image_tower.pool.key.*
visual.attnpool.v_proj.*                            image_tower.pool.value.*
visual.attnpool.c_proj.*                            image_tower.pool.out.*
"""

# ConvNeXt is timm's there, in the module "trunk", and ends in a head of OpenCLIP's own.
CONVNEXT = """
visual.trunk.stem.0.*                               image_tower.stem.conv.*
visual.trunk.stem.1.*                               image_tower.stem.norm.*
visual.trunk.stages.{}.downsample.0.*               image_tower.stages.{}.downsample.norm.*
visual.trunk.stages.{}.downsample.1.*               image_tower.stages.{}.downsample.conv.*
visual.trunk.stages.{}.blocks.{}.conv_dw.*          image_tower.stages.{}.blocks.{}.depthwise.*
visual.trunk.stages.{}.blocks.{}.norm.*             image_tower.stages.{}.blocks.{}.norm.*
visual.trunk.stages.{}.blocks.{}.mlp.fc1.*          image_tower.stages.{}.blocks.{}.mlp.fc1.*
visual.trunk.stages.{}.blocks.{}.mlp.fc2.*          image_tower.stages.{}.blocks.{}.mlp.fc2.*
visual.trunk.stages.{}.blocks.{}.gamma              image_tower.stages.{}.blocks.{}.layer_scale
visual.trunk.head.norm.*                            image_tower.norm.*
visual.head.proj.weight                             image_tower.projection.weight
visual.head.mlp.fc1.*                               image_tower.projection.fc1.*
visual.head.mlp.fc2.*                               image_tower.projection.fc2.*
"""

# NFNet is timm's as well; its head of OpenCLIP's own is a projection alone.
NFNET = """
visual.trunk.stem.conv{}.gain                       image_tower.stem.conv{}.gain   squeeze
visual.trunk.stem.conv{}.*                          image_tower.stem.conv{}.*
visual.trunk.stages.{}.{}.downsample.conv.gain      image_tower.stages.{}.{}.shortcut.gain   squeeze
visual.trunk.stages.{}.{}.downsample.conv.*         image_tower.stages.{}.{}.shortcut.*
visual.trunk.stages.{}.{}.conv1.gain                image_tower.stages.{}.{}.conv1.gain   squeeze
visual.trunk.stages.{}.{}.conv1.*                   image_tower.stages.{}.{}.conv1.*
visual.trunk.stages.{}.{}.conv2.gain                image_tower.stages.{}.{}.conv2.gain   squeeze
visual.trunk.stages.{}.{}.conv2.*                   image_tower.stages.{}.{}.conv2.*
visual.trunk.stages.{}.{}.conv2b.gain               image_tower.stages.{}.{}.conv3.gain   squeeze
visual.trunk.stages.{}.{}.conv2b.*                  image_tower.stages.{}.{}.conv3.*
visual.trunk.stages.{}.{}.conv3.gain                image_tower.stages.{}.{}.conv4.gain   squeeze
visual.trunk.stages.{}.{}.conv3.*                   image_tower.stages.{}.{}.conv4.*
visual.trunk.stages.{}.{}.attn_last.fc1.*           image_tower.stages.{}.{}.excitation.reduce.*
visual.trunk.stages.{}.{}.attn_last.fc2.*           image_tower.stages.{}.{}.excitation.expand.*
visual.trunk.stages.{}.{}.skipinit_gain             image_tower.stages.{}.{}.skip_gain
visual.trunk.final_conv.gain                        image_tower.final_conv.gain   squeeze
visual.trunk.final_conv.*                           image_tower.final_conv.*
visual.head.proj.weight                             image_tower.projection.weight
"""

# SigLIP's tower is timm's too.
SIGLIP_VIT = """
visual.trunk.pos_embed                              image_tower.pos_embed   squeeze
visual.trunk.patch_embed.proj.*                     image_tower.patch_embed.proj.*
visual.trunk.blocks.{}.norm1.*                      image_tower.blocks.{}.ln_1.*
visual.trunk.blocks.{}.attn.qkv.*                   image_tower.blocks.{}.attention.qkv.*
visual.trunk.blocks.{}.attn.proj.*                  image_tower.blocks.{}.attention.out.*
visual.trunk.blocks.{}.norm2.*                      image_tower.blocks.{}.ln_2.*
visual.trunk.blocks.{}.mlp.fc1.*                    image_tower.blocks.{}.mlp.fc1.*
visual.trunk.blocks.{}.mlp.fc2.*                    image_tower.blocks.{}.mlp.fc2.*
visual.trunk.norm.*                                 image_tower.ln_post.*
visual.trunk.attn_pool.latent                       image_tower.head.probe   squeeze
visual.trunk.attn_pool.[q|kv].*                     image_tower.head.attention.qkv.*
visual.trunk.attn_pool.proj.*                       image_tower.head.attention.out.*
visual.trunk.attn_pool.norm.*                       image_tower.head.ln.*
visual.trunk.attn_pool.mlp.fc1.*                    image_tower.head.mlp.fc1.*
visual.trunk.attn_pool.mlp.fc2.*                    image_tower.head.mlp.fc2.*
"""

_TEXT_BLOCKS = """
attn_mask                                           -
token_embedding.weight                              text_tower.token_embedding.weight
positional_embedding                                text_tower.pos_embed
transformer.resblocks.{}.ln_1.*                     text_tower.blocks.{}.ln_1.*
transformer.resblocks.{}.attn.in_proj_*             text_tower.blocks.{}.attention.qkv.*
transformer.resblocks.{}.attn.out_proj.*            text_tower.blocks.{}.attention.out.*
transformer.resblocks.{}.ln_2.*                     text_tower.blocks.{}.ln_2.*
transformer.resblocks.{}.mlp.c_fc.*                 text_tower.blocks.{}.mlp.fc1.*
transformer.resblocks.{}.mlp.c_proj.*               text_tower.blocks.{}.mlp.fc2.*
ln_final.*                                          text_tower.ln_final.*
"""

TEXT = f"""{_TEXT_BLOCKS}
text_projection                                     text_tower.projection
"""

# A Linear layer with a bias there, and therefore kept the other way round.
SIGLIP_TEXT = f"""{_TEXT_BLOCKS}
text_projection.weight                              text_tower.projection   transpose
text_projection.bias                                text_tower.projection_bias
"""
