"""The names that transformers gives ALIGN: an EfficientNet and a BERT.

ALIGN divides the cosine by a temperature, where CLIP multiplies it by a scale: the two are each other's inverse.
"""

SCALE = """
temperature                                                        log_logit_scale   negative_log
"""

EFFICIENTNET = """
vision_model.embeddings.convolution.weight                         image_tower.stem.conv.weight
vision_model.embeddings.batchnorm.*                                image_tower.stem.norm.*
vision_model.encoder.blocks.{}.expansion.expand_conv.weight        image_tower.blocks.{}.expand.conv.weight
vision_model.encoder.blocks.{}.expansion.expand_bn.*               image_tower.blocks.{}.expand.norm.*
vision_model.encoder.blocks.{}.depthwise_conv.depthwise_conv.*     image_tower.blocks.{}.depthwise.conv.*
vision_model.encoder.blocks.{}.depthwise_conv.depthwise_norm.*     image_tower.blocks.{}.depthwise.norm.*
vision_model.encoder.blocks.{}.squeeze_excite.reduce.*             image_tower.blocks.{}.excitation.reduce.*
vision_model.encoder.blocks.{}.squeeze_excite.expand.*             image_tower.blocks.{}.excitation.expand.*
vision_model.encoder.blocks.{}.projection.project_conv.weight      image_tower.blocks.{}.project.conv.weight
vision_model.encoder.blocks.{}.projection.project_bn.*             image_tower.blocks.{}.project.norm.*
"""

BERT = """
text_model.embeddings.position_ids                                 -
text_model.embeddings.token_type_ids                               -
text_model.embeddings.word_embeddings.weight                       text_tower.token_embedding.weight
text_model.embeddings.position_embeddings.weight                   text_tower.pos_embed
text_model.embeddings.token_type_embeddings.weight                 text_tower.segments
text_model.embeddings.LayerNorm.*                                  text_tower.ln_embedding.*
text_model.encoder.layer.{}.attention.self.[query|key|value].*     text_tower.blocks.{}.attention.qkv.*
text_model.encoder.layer.{}.attention.output.dense.*               text_tower.blocks.{}.attention.out.*
text_model.encoder.layer.{}.attention.output.LayerNorm.*           text_tower.blocks.{}.ln_1.*
text_model.encoder.layer.{}.intermediate.dense.*                   text_tower.blocks.{}.mlp.fc1.*
text_model.encoder.layer.{}.output.dense.*                         text_tower.blocks.{}.mlp.fc2.*
text_model.encoder.layer.{}.output.LayerNorm.*                     text_tower.blocks.{}.ln_2.*
text_model.pooler.dense.*                                          -
text_projection.*                                                  text_tower.projection.*
"""
