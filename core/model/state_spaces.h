// The configurations of the models' authors: config.json of state-spaces (mamba_ssm), params.json of Mistral.
#pragma once

#include "core/model/config.h"
#include "core/model/keys.h"

namespace perfmamba::model {

/// Has d_model (state-spaces) or dim (Mistral), and no model_type of Hugging Face.
bool isStateSpaces(const Keys& keys);

/// d_model, n_layer, vocab_size, ssm_cfg and the rest as mamba_ssm's MambaConfig has them, with its defaults; or dim,
/// n_layers and n_groups of Mistral, whose model is the same Mamba-2. vocab_size is rounded up to
/// pad_vocab_size_multiple, as the tensors are. Throws Error for hybrids and for what mamba_ssm computes otherwise.
Config readStateSpaces(const Keys& keys);

}  // namespace perfmamba::model
