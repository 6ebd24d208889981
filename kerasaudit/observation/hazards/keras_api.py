"""The names of what models are made of, as Keras 3, tf-keras and Keras 2 write them.

Written by `python -m tests.observation.hazards.keras_names`; a test compares it with Keras.
"""

from __future__ import annotations

__all__ = [
    "CLASSES",
    "FUNCTIONS",
    "NO_PART_OF_MODELS",
    "TF_KERAS_CLASSES",
    "TF_KERAS_FUNCTIONS",
    "TF_KERAS_SOURCES",
    "VERSION",
]

# fmt: off

# VERSION: the Keras that these are the names of.
VERSION = "3.15.1"

# CLASSES: classes that models are made of, by the module that Keras names with them.
CLASSES: dict[str, frozenset[str]] = {
    "keras": frozenset((
        "DTypePolicy", "FloatDTypePolicy", "Initializer", "InputSpec", "Layer", "Loss", "Metric",
        "Model", "Optimizer", "Quantizer", "Regularizer", "Sequential",
    )),
    "keras.constraints": frozenset((
        "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "max_norm", "min_max_norm",
        "non_neg", "unit_norm",
    )),
    "keras.dtype_policies": frozenset((
        "AWQDTypePolicy", "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "GPTQDTypePolicy",
        "Int4DTypePolicy", "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy",
    )),
    "keras.initializers": frozenset((
        "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
        "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
        "OrthogonalInitializer", "RandomNormal", "RandomUniform", "STFT", "STFTInitializer",
        "TruncatedNormal", "VarianceScaling", "Zeros", "constant", "glorot_normal",
        "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform",
        "ones", "orthogonal", "random_normal", "random_uniform", "stft", "truncated_normal",
        "variance_scaling", "zeros",
    )),
    "keras.layers": frozenset((
        "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "Add", "AdditiveAttention", "AlphaDropout",
        "Attention", "AugMix", "AutoContrast", "Average", "AveragePooling1D", "AveragePooling2D",
        "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "BatchNormalization",
        "Bidirectional", "CategoryEncoding", "CenterCrop", "Concatenate",
        "ContrastLimitedAdaptiveHistogramEqualization", "Conv1D", "Conv1DTranspose", "Conv2D",
        "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
        "Convolution1D", "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose",
        "Convolution3D", "Convolution3DTranspose", "Cropping1D", "Cropping2D", "Cropping3D",
        "CutMix", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot",
        "Dropout", "ELU", "EinsumDense", "Embedding", "Equalization", "Flatten", "FlaxLayer",
        "GRU", "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
        "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D",
        "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
        "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization",
        "GroupQueryAttention", "HashedCrossing", "Hashing", "Identity", "InputLayer", "InputSpec",
        "IntegerLookup", "JaxLayer", "LSTM", "LSTMCell", "Lambda", "Layer", "LayerNormalization",
        "LeakyReLU", "Masking", "MaxNumBoundingBoxes", "MaxPool1D", "MaxPool2D", "MaxPool3D",
        "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "MelSpectrogram", "Minimum",
        "MixUp", "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "Pipeline",
        "RMSNormalization", "RNN", "RandAugment", "RandomBrightness", "RandomColorDegeneration",
        "RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform",
        "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue",
        "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
        "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
        "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "ReversibleEmbedding",
        "STFTSpectrogram", "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D",
        "SeparableConvolution2D", "SimpleRNN", "SimpleRNNCell", "Softmax", "Solarization",
        "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "SpectralNormalization",
        "StackedRNNCells", "StringLookup", "Subtract", "TFSMLayer", "TextVectorization",
        "TimeDistributed", "TorchModuleWrapper", "UnitNormalization", "UpSampling1D",
        "UpSampling2D", "UpSampling3D", "Wrapper", "ZeroPadding1D", "ZeroPadding2D",
        "ZeroPadding3D",
    )),
    "keras.losses": frozenset((
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "CTC", "CategoricalCrossentropy",
        "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge",
        "Circle", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
        "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
        "MeanSquaredLogarithmicError", "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge",
        "Tversky",
    )),
    "keras.metrics": frozenset((
        "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU",
        "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge",
        "ConcordanceCorrelation", "CosineSimilarity", "F1Score", "FBetaScore", "FalseNegatives",
        "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
        "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper",
        "MeanSquaredError", "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU",
        "PearsonCorrelation", "Poisson", "Precision", "PrecisionAtRecall", "R2Score", "Recall",
        "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity",
        "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
        "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "SquaredHinge", "Sum",
        "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
    )),
    "keras.models": frozenset((
        "Model", "Sequential",
    )),
    "keras.optimizers": frozenset((
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion",
        "LossScaleOptimizer", "MultiOptimizer", "Muon", "Nadam", "Optimizer", "OptimizerMap",
        "RMSprop", "SGD", "ScheduleFreeAdamW",
    )),
    "keras.optimizers.schedules": frozenset((
        "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
        "LearningRateSchedule", "PiecewiseConstantDecay", "PolynomialDecay",
    )),
    "keras.quantizers": frozenset((
        "AWQConfig", "AbsMaxQuantizer", "Float8QuantizationConfig", "GPTQConfig",
        "Int4QuantizationConfig", "Int8QuantizationConfig", "QuantizationConfig", "Quantizer",
    )),
    "keras.random": frozenset((
        "SeedGenerator",
    )),
    "keras.regularizers": frozenset((
        "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "l1", "l1_l2", "l2",
        "orthogonal_regularizer",
    )),
    "keras.src.activations.activations": frozenset((
        "Mish", "ReLU",
    )),
    "keras.src.applications.convnext": frozenset((
        "LayerScale", "StochasticDepth",
    )),
    "keras.src.applications.inception_resnet_v2": frozenset((
        "CustomScaleLayer",
    )),
    "keras.src.constraints.constraints": frozenset((
        "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm",
    )),
    "keras.src.dtype_policies.dtype_policy": frozenset((
        "AWQDTypePolicy", "DTypePolicy", "FloatDTypePolicy", "GPTQDTypePolicy", "Int4DTypePolicy",
        "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy",
    )),
    "keras.src.dtype_policies.dtype_policy_map": frozenset((
        "DTypePolicyMap",
    )),
    "keras.src.export.tfsm_layer": frozenset((
        "TFSMLayer",
    )),
    "keras.src.initializers.constant_initializers": frozenset((
        "Constant", "Identity", "Ones", "STFT", "Zeros",
    )),
    "keras.src.initializers.initializer": frozenset((
        "Initializer",
    )),
    "keras.src.initializers.random_initializers": frozenset((
        "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform",
        "Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform", "TruncatedNormal",
        "VarianceScaling",
    )),
    "keras.src.layers.activations.activation": frozenset((
        "Activation",
    )),
    "keras.src.layers.activations.elu": frozenset((
        "ELU",
    )),
    "keras.src.layers.activations.leaky_relu": frozenset((
        "LeakyReLU",
    )),
    "keras.src.layers.activations.prelu": frozenset((
        "PReLU",
    )),
    "keras.src.layers.activations.relu": frozenset((
        "ReLU",
    )),
    "keras.src.layers.activations.softmax": frozenset((
        "Softmax",
    )),
    "keras.src.layers.attention.additive_attention": frozenset((
        "AdditiveAttention",
    )),
    "keras.src.layers.attention.attention": frozenset((
        "Attention",
    )),
    "keras.src.layers.attention.grouped_query_attention": frozenset((
        "GroupedQueryAttention",
    )),
    "keras.src.layers.attention.multi_head_attention": frozenset((
        "MultiHeadAttention",
    )),
    "keras.src.layers.convolutional.base_conv": frozenset((
        "BaseConv",
    )),
    "keras.src.layers.convolutional.base_conv_transpose": frozenset((
        "BaseConvTranspose",
    )),
    "keras.src.layers.convolutional.base_depthwise_conv": frozenset((
        "BaseDepthwiseConv",
    )),
    "keras.src.layers.convolutional.base_separable_conv": frozenset((
        "BaseSeparableConv",
    )),
    "keras.src.layers.convolutional.conv1d": frozenset((
        "Conv1D",
    )),
    "keras.src.layers.convolutional.conv1d_transpose": frozenset((
        "Conv1DTranspose",
    )),
    "keras.src.layers.convolutional.conv2d": frozenset((
        "Conv2D",
    )),
    "keras.src.layers.convolutional.conv2d_transpose": frozenset((
        "Conv2DTranspose",
    )),
    "keras.src.layers.convolutional.conv3d": frozenset((
        "Conv3D",
    )),
    "keras.src.layers.convolutional.conv3d_transpose": frozenset((
        "Conv3DTranspose",
    )),
    "keras.src.layers.convolutional.depthwise_conv1d": frozenset((
        "DepthwiseConv1D",
    )),
    "keras.src.layers.convolutional.depthwise_conv2d": frozenset((
        "DepthwiseConv2D",
    )),
    "keras.src.layers.convolutional.separable_conv1d": frozenset((
        "SeparableConv1D",
    )),
    "keras.src.layers.convolutional.separable_conv2d": frozenset((
        "SeparableConv2D",
    )),
    "keras.src.layers.core.dense": frozenset((
        "Dense",
    )),
    "keras.src.layers.core.einsum_dense": frozenset((
        "EinsumDense",
    )),
    "keras.src.layers.core.embedding": frozenset((
        "Embedding",
    )),
    "keras.src.layers.core.identity": frozenset((
        "Identity",
    )),
    "keras.src.layers.core.input_layer": frozenset((
        "InputLayer",
    )),
    "keras.src.layers.core.lambda_layer": frozenset((
        "Lambda",
    )),
    "keras.src.layers.core.masking": frozenset((
        "Masking",
    )),
    "keras.src.layers.core.reversible_embedding": frozenset((
        "ReversibleEmbedding",
    )),
    "keras.src.layers.core.wrapper": frozenset((
        "Wrapper",
    )),
    "keras.src.layers.input_spec": frozenset((
        "InputSpec",
    )),
    "keras.src.layers.layer": frozenset((
        "Layer",
    )),
    "keras.src.layers.merging.add": frozenset((
        "Add",
    )),
    "keras.src.layers.merging.average": frozenset((
        "Average",
    )),
    "keras.src.layers.merging.base_merge": frozenset((
        "Merge",
    )),
    "keras.src.layers.merging.concatenate": frozenset((
        "Concatenate",
    )),
    "keras.src.layers.merging.dot": frozenset((
        "Dot",
    )),
    "keras.src.layers.merging.maximum": frozenset((
        "Maximum",
    )),
    "keras.src.layers.merging.minimum": frozenset((
        "Minimum",
    )),
    "keras.src.layers.merging.multiply": frozenset((
        "Multiply",
    )),
    "keras.src.layers.merging.subtract": frozenset((
        "Subtract",
    )),
    "keras.src.layers.normalization.batch_normalization": frozenset((
        "BatchNormalization",
    )),
    "keras.src.layers.normalization.group_normalization": frozenset((
        "GroupNormalization",
    )),
    "keras.src.layers.normalization.layer_normalization": frozenset((
        "LayerNormalization",
    )),
    "keras.src.layers.normalization.rms_normalization": frozenset((
        "RMSNormalization",
    )),
    "keras.src.layers.normalization.spectral_normalization": frozenset((
        "SpectralNormalization",
    )),
    "keras.src.layers.normalization.unit_normalization": frozenset((
        "UnitNormalization",
    )),
    "keras.src.layers.pooling.adaptive_average_pooling1d": frozenset((
        "AdaptiveAveragePooling1D",
    )),
    "keras.src.layers.pooling.adaptive_average_pooling2d": frozenset((
        "AdaptiveAveragePooling2D",
    )),
    "keras.src.layers.pooling.adaptive_average_pooling3d": frozenset((
        "AdaptiveAveragePooling3D",
    )),
    "keras.src.layers.pooling.adaptive_max_pooling1d": frozenset((
        "AdaptiveMaxPooling1D",
    )),
    "keras.src.layers.pooling.adaptive_max_pooling2d": frozenset((
        "AdaptiveMaxPooling2D",
    )),
    "keras.src.layers.pooling.adaptive_max_pooling3d": frozenset((
        "AdaptiveMaxPooling3D",
    )),
    "keras.src.layers.pooling.average_pooling1d": frozenset((
        "AveragePooling1D",
    )),
    "keras.src.layers.pooling.average_pooling2d": frozenset((
        "AveragePooling2D",
    )),
    "keras.src.layers.pooling.average_pooling3d": frozenset((
        "AveragePooling3D",
    )),
    "keras.src.layers.pooling.base_adaptive_pooling": frozenset((
        "BaseAdaptiveAveragePooling", "BaseAdaptiveMaxPooling", "BaseAdaptivePooling",
    )),
    "keras.src.layers.pooling.base_global_pooling": frozenset((
        "BaseGlobalPooling",
    )),
    "keras.src.layers.pooling.base_pooling": frozenset((
        "BasePooling",
    )),
    "keras.src.layers.pooling.global_average_pooling1d": frozenset((
        "GlobalAveragePooling1D",
    )),
    "keras.src.layers.pooling.global_average_pooling2d": frozenset((
        "GlobalAveragePooling2D",
    )),
    "keras.src.layers.pooling.global_average_pooling3d": frozenset((
        "GlobalAveragePooling3D",
    )),
    "keras.src.layers.pooling.global_max_pooling1d": frozenset((
        "GlobalMaxPooling1D",
    )),
    "keras.src.layers.pooling.global_max_pooling2d": frozenset((
        "GlobalMaxPooling2D",
    )),
    "keras.src.layers.pooling.global_max_pooling3d": frozenset((
        "GlobalMaxPooling3D",
    )),
    "keras.src.layers.pooling.max_pooling1d": frozenset((
        "MaxPooling1D",
    )),
    "keras.src.layers.pooling.max_pooling2d": frozenset((
        "MaxPooling2D",
    )),
    "keras.src.layers.pooling.max_pooling3d": frozenset((
        "MaxPooling3D",
    )),
    "keras.src.layers.preprocessing.category_encoding": frozenset((
        "CategoryEncoding",
    )),
    "keras.src.layers.preprocessing.data_layer": frozenset((
        "DataLayer",
    )),
    "keras.src.layers.preprocessing.discretization": frozenset((
        "Discretization",
    )),
    "keras.src.layers.preprocessing.feature_space": frozenset((
        "Cross", "Feature", "FeatureSpace", "TFDConcat", "TFDIdentity",
    )),
    "keras.src.layers.preprocessing.hashed_crossing": frozenset((
        "HashedCrossing",
    )),
    "keras.src.layers.preprocessing.hashing": frozenset((
        "Hashing",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.aug_mix": frozenset((
        "AugMix",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.auto_contrast": frozenset((
        "AutoContrast",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.base_image_preprocessing_layer": frozenset((
        "BaseImagePreprocessingLayer",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.center_crop": frozenset((
        "CenterCrop",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.clahe": frozenset((
        "ContrastLimitedAdaptiveHistogramEqualization",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.cut_mix": frozenset((
        "CutMix",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.equalization": frozenset((
        "Equalization",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.max_num_bounding_box": frozenset((
        "MaxNumBoundingBoxes",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.mix_up": frozenset((
        "MixUp",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.rand_augment": frozenset((
        "RandAugment",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_brightness": frozenset((
        "RandomBrightness",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_color_degeneration": frozenset((
        "RandomColorDegeneration",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_color_jitter": frozenset((
        "RandomColorJitter",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_contrast": frozenset((
        "RandomContrast",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_crop": frozenset((
        "RandomCrop",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_elastic_transform": frozenset((
        "RandomElasticTransform",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_erasing": frozenset((
        "RandomErasing",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_flip": frozenset((
        "RandomFlip",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_gaussian_blur": frozenset((
        "RandomGaussianBlur",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_grayscale": frozenset((
        "RandomGrayscale",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_hue": frozenset((
        "RandomHue",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_invert": frozenset((
        "RandomInvert",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_perspective": frozenset((
        "RandomPerspective",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_posterization": frozenset((
        "RandomPosterization",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_rotation": frozenset((
        "RandomRotation",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_saturation": frozenset((
        "RandomSaturation",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_sharpness": frozenset((
        "RandomSharpness",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_shear": frozenset((
        "RandomShear",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_translation": frozenset((
        "RandomTranslation",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.random_zoom": frozenset((
        "RandomZoom",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.resizing": frozenset((
        "Resizing",
    )),
    "keras.src.layers.preprocessing.image_preprocessing.solarization": frozenset((
        "Solarization",
    )),
    "keras.src.layers.preprocessing.index_lookup": frozenset((
        "IndexLookup",
    )),
    "keras.src.layers.preprocessing.integer_lookup": frozenset((
        "IntegerLookup",
    )),
    "keras.src.layers.preprocessing.mel_spectrogram": frozenset((
        "MelSpectrogram",
    )),
    "keras.src.layers.preprocessing.normalization": frozenset((
        "Normalization",
    )),
    "keras.src.layers.preprocessing.pipeline": frozenset((
        "Pipeline",
    )),
    "keras.src.layers.preprocessing.rescaling": frozenset((
        "Rescaling",
    )),
    "keras.src.layers.preprocessing.stft_spectrogram": frozenset((
        "STFTSpectrogram",
    )),
    "keras.src.layers.preprocessing.string_lookup": frozenset((
        "StringLookup",
    )),
    "keras.src.layers.preprocessing.text_vectorization": frozenset((
        "TextVectorization",
    )),
    "keras.src.layers.regularization.activity_regularization": frozenset((
        "ActivityRegularization",
    )),
    "keras.src.layers.regularization.alpha_dropout": frozenset((
        "AlphaDropout",
    )),
    "keras.src.layers.regularization.dropout": frozenset((
        "Dropout",
    )),
    "keras.src.layers.regularization.gaussian_dropout": frozenset((
        "GaussianDropout",
    )),
    "keras.src.layers.regularization.gaussian_noise": frozenset((
        "GaussianNoise",
    )),
    "keras.src.layers.regularization.spatial_dropout": frozenset((
        "BaseSpatialDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    )),
    "keras.src.layers.reshaping.cropping1d": frozenset((
        "Cropping1D",
    )),
    "keras.src.layers.reshaping.cropping2d": frozenset((
        "Cropping2D",
    )),
    "keras.src.layers.reshaping.cropping3d": frozenset((
        "Cropping3D",
    )),
    "keras.src.layers.reshaping.flatten": frozenset((
        "Flatten",
    )),
    "keras.src.layers.reshaping.permute": frozenset((
        "Permute",
    )),
    "keras.src.layers.reshaping.repeat_vector": frozenset((
        "RepeatVector",
    )),
    "keras.src.layers.reshaping.reshape": frozenset((
        "Reshape",
    )),
    "keras.src.layers.reshaping.up_sampling1d": frozenset((
        "UpSampling1D",
    )),
    "keras.src.layers.reshaping.up_sampling2d": frozenset((
        "UpSampling2D",
    )),
    "keras.src.layers.reshaping.up_sampling3d": frozenset((
        "UpSampling3D",
    )),
    "keras.src.layers.reshaping.zero_padding1d": frozenset((
        "ZeroPadding1D",
    )),
    "keras.src.layers.reshaping.zero_padding2d": frozenset((
        "ZeroPadding2D",
    )),
    "keras.src.layers.reshaping.zero_padding3d": frozenset((
        "ZeroPadding3D",
    )),
    "keras.src.layers.rnn.bidirectional": frozenset((
        "Bidirectional",
    )),
    "keras.src.layers.rnn.conv_lstm": frozenset((
        "ConvLSTM", "ConvLSTMCell",
    )),
    "keras.src.layers.rnn.conv_lstm1d": frozenset((
        "ConvLSTM1D",
    )),
    "keras.src.layers.rnn.conv_lstm2d": frozenset((
        "ConvLSTM2D",
    )),
    "keras.src.layers.rnn.conv_lstm3d": frozenset((
        "ConvLSTM3D",
    )),
    "keras.src.layers.rnn.gru": frozenset((
        "GRU", "GRUCell",
    )),
    "keras.src.layers.rnn.lstm": frozenset((
        "LSTM", "LSTMCell",
    )),
    "keras.src.layers.rnn.rnn": frozenset((
        "RNN",
    )),
    "keras.src.layers.rnn.simple_rnn": frozenset((
        "SimpleRNN", "SimpleRNNCell",
    )),
    "keras.src.layers.rnn.stacked_rnn_cells": frozenset((
        "StackedRNNCells",
    )),
    "keras.src.layers.rnn.time_distributed": frozenset((
        "TimeDistributed",
    )),
    "keras.src.legacy.layers": frozenset((
        "AlphaDropout", "RandomHeight", "RandomWidth", "ThresholdedReLU",
    )),
    "keras.src.losses.loss": frozenset((
        "Loss",
    )),
    "keras.src.losses.losses": frozenset((
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "CTC", "CategoricalCrossentropy",
        "CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "CategoricalHinge",
        "Circle", "CosineSimilarity", "Dice", "Hinge", "Huber", "KLDivergence", "LogCosh",
        "LossFunctionWrapper", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
        "SparseCategoricalCrossentropy", "SquaredHinge", "Tversky",
    )),
    "keras.src.metrics.accuracy_metrics": frozenset((
        "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy",
    )),
    "keras.src.metrics.confusion_metrics": frozenset((
        "AUC", "FalseNegatives", "FalsePositives", "Precision", "PrecisionAtRecall", "Recall",
        "RecallAtPrecision", "SensitivityAtSpecificity", "SensitivitySpecificityBase",
        "SpecificityAtSensitivity", "TrueNegatives", "TruePositives",
        "_ConfusionMatrixConditionCount",
    )),
    "keras.src.metrics.correlation_metrics": frozenset((
        "ConcordanceCorrelation", "PearsonCorrelation",
    )),
    "keras.src.metrics.f_score_metrics": frozenset((
        "F1Score", "FBetaScore",
    )),
    "keras.src.metrics.hinge_metrics": frozenset((
        "CategoricalHinge", "Hinge", "SquaredHinge",
    )),
    "keras.src.metrics.iou_metrics": frozenset((
        "BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "_IoUBase",
    )),
    "keras.src.metrics.metric": frozenset((
        "Metric",
    )),
    "keras.src.metrics.probabilistic_metrics": frozenset((
        "BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Poisson",
        "SparseCategoricalCrossentropy",
    )),
    "keras.src.metrics.reduction_metrics": frozenset((
        "Mean", "MeanMetricWrapper", "Sum",
    )),
    "keras.src.metrics.regression_metrics": frozenset((
        "CosineSimilarity", "LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanSquaredError", "MeanSquaredLogarithmicError", "R2Score", "RootMeanSquaredError",
    )),
    "keras.src.models.functional": frozenset((
        "Functional",
    )),
    "keras.src.models.model": frozenset((
        "Model",
    )),
    "keras.src.models.sequential": frozenset((
        "Sequential",
    )),
    "keras.src.ops.core": frozenset((
        "AssociativeScan", "Cast", "Cond", "ConvertToTensor", "ForiLoop", "Map", "SaturateCast",
        "Scan", "Scatter", "ScatterUpdate", "Slice", "SliceUpdate", "StopGradient", "Switch",
        "Unstack", "VectorizedMap", "WhileLoop",
    )),
    "keras.src.ops.einops": frozenset((
        "Rearrange",
    )),
    "keras.src.ops.function": frozenset((
        "Function",
    )),
    "keras.src.ops.image": frozenset((
        "AffineTransform", "CropImages", "ElasticTransform", "ExtractPatches", "GaussianBlur",
        "HSVToRGB", "MapCoordinates", "PadImages", "PerspectiveTransform", "RGBToGrayscale",
        "RGBToHSV", "Resize", "SSIM", "ScaleAndTranslate", "SobelEdges",
    )),
    "keras.src.ops.linalg": frozenset((
        "Cholesky", "CholeskyInverse", "Det", "Eig", "Eigh", "Inv", "JVP", "Lstsq", "LuFactor",
        "MatrixRank", "Norm", "Pinv", "Qr", "SVD", "Solve", "SolveTriangular",
    )),
    "keras.src.ops.math": frozenset((
        "CDist", "Erf", "Erfc", "Erfinv", "ExtractSequences", "FFT", "FFT2", "IFFT2", "IRFFT",
        "ISTFT", "InTopK", "Logdet", "Logsumexp", "RFFT", "Rsqrt", "STFT", "SegmentMax",
        "SegmentMin", "SegmentProd", "SegmentReduction", "SegmentSum", "TopK", "ViewAsComplex",
        "ViewAsReal",
    )),
    "keras.src.ops.nn": frozenset((
        "AdaptiveAveragePool", "AdaptiveMaxPool", "AveragePool", "BatchNorm", "BinaryCrossentropy",
        "CTCDecode", "CTCLoss", "CategoricalCrossentropy", "Celu", "Conv", "ConvTranspose",
        "DepthToSpace", "DepthwiseConv", "DotProductAttention", "Elu", "Fold", "Gelu", "Glu",
        "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "LayerNorm", "LeakyRelu",
        "LogSigmoid", "LogSoftmax", "MaxPool", "Moments", "MultiHot", "Normalize", "OneHot",
        "PSNR", "Polar", "RMSNorm", "Relu", "Relu6", "Selu", "SeparableConv", "Sigmoid", "Silu",
        "SoftShrink", "Softmax", "Softplus", "Softsign", "SpaceToDepth",
        "SparseCategoricalCrossentropy", "SparsePlus", "SparseSigmoid", "Sparsemax", "Squareplus",
        "TanhShrink", "Threshold", "Unfold",
    )),
    "keras.src.ops.numpy": frozenset((
        "Abs", "Absolute", "Add", "All", "AllClose", "Amax", "Amin", "Angle", "Any", "Append",
        "Arange", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctan2", "Arctanh",
        "Argmax", "Argmin", "Argpartition", "Argsort", "Array", "ArraySplit", "Average",
        "Bincount", "BitwiseAnd", "BitwiseInvert", "BitwiseLeftShift", "BitwiseNot", "BitwiseOr",
        "BitwiseRightShift", "BitwiseXor", "BroadcastTo", "Cbrt", "Ceil", "Clip", "Concatenate",
        "Conj", "Conjugate", "Copy", "Corrcoef", "Correlate", "Cos", "Cosh", "CountNonzero",
        "Cross", "Cumprod", "Cumsum", "Deg2rad", "Diag", "Diagflat", "Diagonal", "Diff",
        "Digitize", "Divide", "DivideNoNan", "Dot", "Dsplit", "Dstack", "Einsum", "EmptyLike",
        "Equal", "Exp", "Exp2", "ExpandDims", "Expm1", "Fabs", "Flip", "Fliplr", "Flipud", "Floor",
        "FloorDivide", "Fmax", "Fmin", "Fmod", "Full", "FullLike", "Gcd", "Geomspace", "GetItem",
        "Greater", "GreaterEqual", "Heaviside", "Histogram", "Hsplit", "Hstack", "Hypot", "I0",
        "Imag", "Inner", "IsIn", "Isclose", "Isfinite", "Isinf", "Isnan", "Isneginf", "Isposinf",
        "Isreal", "Kron", "Lcm", "Ldexp", "LeftShift", "Less", "LessEqual", "Linspace", "Log",
        "Log10", "Log1p", "Log2", "Logaddexp", "Logaddexp2", "LogicalAnd", "LogicalNot",
        "LogicalOr", "LogicalXor", "Logspace", "Matmul", "Max", "Maximum", "Mean", "Median",
        "Meshgrid", "Min", "Minimum", "Mod", "Moveaxis", "Multiply", "NanToNum", "Nanargmax",
        "Nanargmin", "Nancumprod", "Nancumsum", "Nanmax", "Nanmean", "Nanmedian", "Nanmin",
        "Nanpercentile", "Nanprod", "Nanquantile", "Nanstd", "Nansum", "Nanvar", "Ndim",
        "Negative", "Nextafter", "Nonzero", "NotEqual", "OnesLike", "Outer", "Pad", "Percentile",
        "Power", "Prod", "Ptp", "Quantile", "Rad2deg", "Ravel", "Real", "Reciprocal", "Repeat",
        "Reshape", "RightShift", "Roll", "Rot90", "Round", "SearchSorted", "Select", "Sign",
        "Signbit", "Sin", "Sinc", "Sinh", "Size", "Slogdet", "Sort", "Split", "Sqrt", "Square",
        "Squeeze", "Stack", "Std", "Subtract", "Sum", "Swapaxes", "Take", "TakeAlongAxis", "Tan",
        "Tanh", "Tensordot", "Tile", "Trace", "Transpose", "Trapezoid", "Tril", "Triu",
        "TrueDivide", "Trunc", "Unique", "UnravelIndex", "Vander", "Var", "Vdot", "View", "Vsplit",
        "Vstack", "Where", "ZerosLike",
    )),
    "keras.src.ops.operation": frozenset((
        "Operation",
    )),
    "keras.src.optimizers.adadelta": frozenset((
        "Adadelta",
    )),
    "keras.src.optimizers.adafactor": frozenset((
        "Adafactor",
    )),
    "keras.src.optimizers.adagrad": frozenset((
        "Adagrad",
    )),
    "keras.src.optimizers.adam": frozenset((
        "Adam",
    )),
    "keras.src.optimizers.adamax": frozenset((
        "Adamax",
    )),
    "keras.src.optimizers.adamw": frozenset((
        "AdamW",
    )),
    "keras.src.optimizers.base_optimizer": frozenset((
        "BaseOptimizer",
    )),
    "keras.src.optimizers.ftrl": frozenset((
        "Ftrl",
    )),
    "keras.src.optimizers.lamb": frozenset((
        "Lamb",
    )),
    "keras.src.optimizers.lion": frozenset((
        "Lion",
    )),
    "keras.src.optimizers.loss_scale_optimizer": frozenset((
        "LossScaleOptimizer",
    )),
    "keras.src.optimizers.multi_optimizer": frozenset((
        "MultiOptimizer", "OptimizerMap",
    )),
    "keras.src.optimizers.muon": frozenset((
        "Muon",
    )),
    "keras.src.optimizers.nadam": frozenset((
        "Nadam",
    )),
    "keras.src.optimizers.optimizer": frozenset((
        "Optimizer",
    )),
    "keras.src.optimizers.rmsprop": frozenset((
        "RMSprop",
    )),
    "keras.src.optimizers.schedule_free_adamw": frozenset((
        "ScheduleFreeAdamW",
    )),
    "keras.src.optimizers.schedules.learning_rate_schedule": frozenset((
        "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
        "LearningRateSchedule", "PiecewiseConstantDecay", "PolynomialDecay",
    )),
    "keras.src.optimizers.sgd": frozenset((
        "SGD",
    )),
    "keras.src.quantizers.awq_config": frozenset((
        "AWQConfig",
    )),
    "keras.src.quantizers.gptq_config": frozenset((
        "GPTQConfig",
    )),
    "keras.src.quantizers.quantization_config": frozenset((
        "Float8QuantizationConfig", "Int4QuantizationConfig", "Int8QuantizationConfig",
        "QuantizationConfig",
    )),
    "keras.src.quantizers.quantizers": frozenset((
        "AbsMaxQuantizer", "FakeQuantWithMinMaxVars", "GPTQQuantizer", "Quantizer",
    )),
    "keras.src.random.seed_generator": frozenset((
        "SeedGenerator",
    )),
    "keras.src.regularizers.regularizers": frozenset((
        "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer",
    )),
    "keras.src.trainers.compile_utils": frozenset((
        "CompileLoss", "CompileMetrics", "MetricsList",
    )),
    "keras.src.utils.torch_utils": frozenset((
        "TorchModuleWrapper",
    )),
}

# FUNCTIONS: functions that models are made of, in the same way.
FUNCTIONS: dict[str, frozenset[str]] = {
    "builtins": frozenset((
        "abs", "absolute", "adaptive_average_pool", "adaptive_max_pool", "add", "affine_transform",
        "all", "allclose", "amax", "amin", "angle", "any", "append", "arange", "arccos", "arccosh",
        "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition",
        "argsort", "array", "array_split", "associative_scan", "average", "average_pool",
        "bartlett", "batch_normalization", "binary_accuracy", "binary_crossentropy",
        "binary_focal_crossentropy", "bincount", "bitwise_and", "bitwise_invert",
        "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
        "blackman", "broadcast_to", "cast", "categorical_accuracy", "categorical_crossentropy",
        "categorical_focal_crossentropy", "categorical_generalized_cross_entropy",
        "categorical_hinge", "cbrt", "cdist", "ceil", "celu", "cholesky", "cholesky_inverse",
        "circle", "clip", "concatenate", "concordance_correlation", "cond", "conj", "conjugate",
        "conv", "conv_transpose", "convert_to_numpy", "convert_to_tensor", "copy", "corrcoef",
        "correlate", "cos", "cosh", "cosine_similarity", "count_nonzero", "crop_images", "cross",
        "ctc", "ctc_decode", "ctc_loss", "cumprod", "cumsum", "custom_gradient", "deg2rad",
        "depth_to_space", "depthwise_conv", "det", "diag", "diagflat", "diagonal", "dice", "diff",
        "digitize", "divide", "divide_no_nan", "dot", "dot_product_attention", "dsplit", "dstack",
        "dtype", "eig", "eigh", "einsum", "elastic_transform", "elu", "empty", "empty_like",
        "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims", "expm1", "exponential",
        "extract_patches", "extract_patches_3d", "extract_sequences", "eye", "fabs", "fft", "fft2",
        "flip", "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod", "fold",
        "fori_loop", "full", "full_like", "gaussian_blur", "gcd", "gelu", "geomspace", "get_item",
        "glu", "greater", "greater_equal", "hamming", "hanning", "hard_shrink", "hard_sigmoid",
        "hard_silu", "hard_swish", "hard_tanh", "heaviside", "hinge", "histogram", "hsplit",
        "hstack", "hsv_to_rgb", "huber", "hypot", "i0", "identity", "ifft2", "imag", "in_top_k",
        "inner", "inv", "irfft", "is_tensor", "isclose", "isfinite", "isin", "isinf", "isnan",
        "isneginf", "isposinf", "isreal", "istft", "jvp", "kaiser", "kl_divergence", "kron",
        "layer_normalization", "lcm", "ldexp", "leaky_relu", "left_shift", "less", "less_equal",
        "linear", "linspace", "log", "log10", "log1p", "log2", "log_cosh", "log_sigmoid",
        "log_softmax", "logaddexp", "logaddexp2", "logdet", "logical_and", "logical_not",
        "logical_or", "logical_xor", "logspace", "logsumexp", "lstsq", "lu_factor", "map",
        "map_coordinates", "matmul", "matrix_rank", "max", "max_pool", "maximum", "mean",
        "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
        "mean_squared_logarithmic_error", "median", "meshgrid", "min", "minimum", "mish", "mod",
        "moments", "moveaxis", "multi_hot", "multiply", "nan_to_num", "nanargmax", "nanargmin",
        "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile",
        "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "negative", "nextafter",
        "nonzero", "norm", "normalize", "not_equal", "one_hot", "ones", "ones_like", "outer",
        "pad", "pad_images", "pearson_correlation", "percentile", "perspective_transform", "pinv",
        "poisson", "polar", "power", "prod", "psnr", "ptp", "qr", "quantile", "rad2deg", "ravel",
        "real", "rearrange", "reciprocal", "relu", "relu6", "repeat", "reshape", "resize", "rfft",
        "rgb_to_grayscale", "rgb_to_hsv", "right_shift", "rms_normalization", "roll", "rot90",
        "round", "rsqrt", "saturate_cast", "scale_and_translate", "scan", "scatter",
        "scatter_update", "searchsorted", "segment_max", "segment_min", "segment_prod",
        "segment_sum", "select", "selu", "separable_conv", "shape", "sigmoid", "sign", "signbit",
        "silu", "sin", "sinc", "sinh", "size", "slice", "slice_update", "slogdet", "sobel_edges",
        "soft_shrink", "softmax", "softplus", "softsign", "solve", "solve_triangular", "sort",
        "space_to_depth", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
        "sparse_plus", "sparse_sigmoid", "sparse_top_k_categorical_accuracy", "sparsemax", "split",
        "sqrt", "square", "squared_hinge", "squareplus", "squeeze", "ssim", "stack", "std", "stft",
        "stop_gradient", "subtract", "sum", "svd", "swapaxes", "swish", "switch", "take",
        "take_along_axis", "tan", "tanh", "tanh_shrink", "tensordot", "threshold", "tile", "top_k",
        "top_k_categorical_accuracy", "trace", "transpose", "trapezoid", "tri", "tril", "triu",
        "true_divide", "trunc", "tversky", "unfold", "unique", "unravel_index", "unstack",
        "vander", "var", "vdot", "vectorize", "vectorized_map", "view", "view_as_complex",
        "view_as_real", "vsplit", "vstack", "where", "while_loop", "zeros", "zeros_like",
    )),
    "keras.activations": frozenset((
        "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
        "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
        "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
        "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh",
        "tanh_shrink", "threshold",
    )),
    "keras.losses": frozenset((
        "binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
        "categorical_focal_crossentropy", "categorical_generalized_cross_entropy",
        "categorical_hinge", "circle", "cosine_similarity", "ctc", "dice", "hinge", "huber",
        "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error",
        "mean_squared_error", "mean_squared_logarithmic_error", "poisson",
        "sparse_categorical_crossentropy", "squared_hinge", "tversky",
    )),
    "keras.metrics": frozenset((
        "binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy",
        "categorical_accuracy", "categorical_crossentropy", "categorical_focal_crossentropy",
        "categorical_hinge", "concordance_correlation", "hinge", "huber", "kl_divergence",
        "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
        "mean_squared_logarithmic_error", "pearson_correlation", "poisson",
        "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
        "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
    )),
    "keras.ops": frozenset((
        "abs", "absolute", "adaptive_average_pool", "adaptive_max_pool", "add", "all", "allclose",
        "amax", "amin", "angle", "any", "append", "arange", "arccos", "arccosh", "arcsin",
        "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort",
        "array", "array_split", "associative_scan", "average", "average_pool", "bartlett",
        "batch_normalization", "binary_crossentropy", "bincount", "bitwise_and", "bitwise_invert",
        "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
        "blackman", "broadcast_to", "cast", "categorical_crossentropy", "cbrt", "cdist", "ceil",
        "celu", "cholesky", "cholesky_inverse", "clip", "concatenate", "cond", "conj", "conjugate",
        "conv", "conv_transpose", "convert_to_numpy", "convert_to_tensor", "copy", "corrcoef",
        "correlate", "cos", "cosh", "count_nonzero", "cross", "ctc_decode", "ctc_loss", "cumprod",
        "cumsum", "custom_gradient", "deg2rad", "depth_to_space", "depthwise_conv", "det", "diag",
        "diagflat", "diagonal", "diff", "digitize", "divide", "divide_no_nan", "dot",
        "dot_product_attention", "dsplit", "dstack", "dtype", "eig", "eigh", "einsum", "elu",
        "empty", "empty_like", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims",
        "expm1", "extract_sequences", "eye", "fabs", "fft", "fft2", "flip", "fliplr", "flipud",
        "floor", "floor_divide", "fmax", "fmin", "fmod", "fold", "fori_loop", "full", "full_like",
        "gcd", "gelu", "geomspace", "get_item", "glu", "greater", "greater_equal", "hamming",
        "hanning", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
        "heaviside", "histogram", "hsplit", "hstack", "hypot", "i0", "identity", "ifft2", "imag",
        "in_top_k", "inner", "inv", "irfft", "is_tensor", "isclose", "isfinite", "isin", "isinf",
        "isnan", "isneginf", "isposinf", "isreal", "istft", "jvp", "kaiser", "kron",
        "layer_normalization", "lcm", "ldexp", "leaky_relu", "left_shift", "less", "less_equal",
        "linspace", "log", "log10", "log1p", "log2", "log_sigmoid", "log_softmax", "logaddexp",
        "logaddexp2", "logdet", "logical_and", "logical_not", "logical_or", "logical_xor",
        "logspace", "logsumexp", "lstsq", "lu_factor", "map", "matmul", "matrix_rank", "max",
        "max_pool", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "moments",
        "moveaxis", "multi_hot", "multiply", "nan_to_num", "nanargmax", "nanargmin", "nancumprod",
        "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod",
        "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "negative", "nextafter", "nonzero",
        "norm", "normalize", "not_equal", "one_hot", "ones", "ones_like", "outer", "pad",
        "percentile", "pinv", "polar", "power", "prod", "psnr", "ptp", "qr", "quantile", "rad2deg",
        "ravel", "real", "rearrange", "reciprocal", "relu", "relu6", "repeat", "reshape", "rfft",
        "right_shift", "rms_normalization", "roll", "rot90", "round", "rsqrt", "saturate_cast",
        "scan", "scatter", "scatter_update", "searchsorted", "segment_max", "segment_min",
        "segment_prod", "segment_sum", "select", "selu", "separable_conv", "shape", "sigmoid",
        "sign", "signbit", "silu", "sin", "sinc", "sinh", "size", "slice", "slice_update",
        "slogdet", "soft_shrink", "softmax", "softplus", "softsign", "solve", "solve_triangular",
        "sort", "space_to_depth", "sparse_categorical_crossentropy", "sparse_plus",
        "sparse_sigmoid", "sparsemax", "split", "sqrt", "square", "squareplus", "squeeze", "stack",
        "std", "stft", "stop_gradient", "subtract", "sum", "svd", "swapaxes", "swish", "switch",
        "take", "take_along_axis", "tan", "tanh", "tanh_shrink", "tensordot", "threshold", "tile",
        "top_k", "trace", "transpose", "trapezoid", "tri", "tril", "triu", "true_divide", "trunc",
        "unfold", "unique", "unravel_index", "unstack", "vander", "var", "vdot", "vectorize",
        "vectorized_map", "view", "view_as_complex", "view_as_real", "vsplit", "vstack", "where",
        "while_loop", "zeros", "zeros_like",
    )),
    "keras.ops.image": frozenset((
        "affine_transform", "crop_images", "elastic_transform", "extract_patches",
        "extract_patches_3d", "gaussian_blur", "hsv_to_rgb", "map_coordinates", "pad_images",
        "perspective_transform", "resize", "rgb_to_grayscale", "rgb_to_hsv", "scale_and_translate",
        "sobel_edges", "ssim",
    )),
    "keras.ops.linalg": frozenset((
        "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor",
        "matrix_rank", "norm", "pinv", "qr", "solve", "solve_triangular", "svd",
    )),
    "keras.ops.nn": frozenset((
        "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization",
        "binary_crossentropy", "categorical_crossentropy", "celu", "conv", "conv_transpose",
        "ctc_decode", "ctc_loss", "depth_to_space", "depthwise_conv", "dot_product_attention",
        "elu", "fold", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
        "hard_tanh", "layer_normalization", "leaky_relu", "log_sigmoid", "log_softmax", "max_pool",
        "moments", "multi_hot", "normalize", "one_hot", "polar", "psnr", "relu", "relu6",
        "rms_normalization", "selu", "separable_conv", "sigmoid", "silu", "soft_shrink", "softmax",
        "softplus", "softsign", "space_to_depth", "sparse_categorical_crossentropy", "sparse_plus",
        "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold", "unfold",
    )),
    "keras.ops.numpy": frozenset((
        "abs", "absolute", "add", "all", "allclose", "amax", "amin", "angle", "any", "append",
        "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
        "argmax", "argmin", "argpartition", "argsort", "array", "array_split", "average",
        "bartlett", "bincount", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
        "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "blackman",
        "broadcast_to", "cbrt", "ceil", "clip", "concatenate", "conj", "conjugate", "copy",
        "corrcoef", "correlate", "cos", "cosh", "count_nonzero", "cross", "cumprod", "cumsum",
        "deg2rad", "diag", "diagflat", "diagonal", "diff", "digitize", "divide", "divide_no_nan",
        "dot", "dsplit", "dstack", "einsum", "empty", "empty_like", "equal", "exp", "exp2",
        "expand_dims", "expm1", "eye", "fabs", "flip", "fliplr", "flipud", "floor", "floor_divide",
        "fmax", "fmin", "fmod", "full", "full_like", "gcd", "geomspace", "get_item", "greater",
        "greater_equal", "hamming", "hanning", "heaviside", "histogram", "hsplit", "hstack",
        "hypot", "i0", "identity", "imag", "inner", "isclose", "isfinite", "isin", "isinf",
        "isnan", "isneginf", "isposinf", "isreal", "kaiser", "kron", "lcm", "ldexp", "left_shift",
        "less", "less_equal", "linspace", "log", "log10", "log1p", "log2", "logaddexp",
        "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "logspace",
        "matmul", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod",
        "moveaxis", "multiply", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum",
        "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile",
        "nanstd", "nansum", "nanvar", "ndim", "negative", "nextafter", "nonzero", "not_equal",
        "ones", "ones_like", "outer", "pad", "percentile", "power", "prod", "ptp", "quantile",
        "rad2deg", "ravel", "real", "reciprocal", "repeat", "reshape", "right_shift", "roll",
        "rot90", "round", "searchsorted", "select", "sign", "signbit", "sin", "sinc", "sinh",
        "size", "slogdet", "sort", "split", "sqrt", "square", "squeeze", "stack", "std",
        "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot",
        "tile", "trace", "transpose", "trapezoid", "tri", "tril", "triu", "true_divide", "trunc",
        "unique", "unravel_index", "vander", "var", "vdot", "vectorize", "view", "vsplit",
        "vstack", "where", "zeros", "zeros_like",
    )),
}

# NO_PART_OF_MODELS: what Keras itself refuses to take from a config (NON_MODELING_APIS).
NO_PART_OF_MODELS = frozenset((
    "keras.backend.clear_session", "keras.config.enable_unsafe_deserialization",
    "keras.models.load_model", "keras.models.model_from_json", "keras.models.save_model",
    "keras.preprocessing.image.load_img", "keras.preprocessing.image.save_img",
    "keras.preprocessing.image_dataset_from_directory",
    "keras.preprocessing.text_dataset_from_directory", "keras.saving.deserialize_keras_object",
    "keras.saving.load_model", "keras.saving.load_weights",
    "keras.saving.register_keras_serializable", "keras.saving.save_model",
    "keras.saving.save_weights", "keras.saving.serialize_keras_object",
    "keras.utils.audio_dataset_from_directory", "keras.utils.clear_session",
    "keras.utils.deserialize_keras_object", "keras.utils.get_file",
    "keras.utils.image_dataset_from_directory", "keras.utils.load_img",
    "keras.utils.register_keras_serializable", "keras.utils.save_img",
    "keras.utils.serialize_keras_object", "keras.utils.text_dataset_from_directory",
))

# TF_KERAS_CLASSES: public classes of tf-keras, and of Keras 2.
TF_KERAS_CLASSES: dict[str, frozenset[str]] = {
    "keras": frozenset((
        "Model", "Sequential",
    )),
    "keras.constraints": frozenset((
        "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm",
        "max_norm", "min_max_norm", "non_neg", "radial_constraint", "unit_norm",
    )),
    "keras.initializers": frozenset((
        "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
        "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal",
        "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros", "constant",
        "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
        "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform",
        "truncated_normal", "variance_scaling", "zeros",
    )),
    "keras.layers": frozenset((
        "AbstractRNNCell", "Activation", "ActivityRegularization", "Add", "AdditiveAttention",
        "AlphaDropout", "Attention", "Average", "AveragePooling1D", "AveragePooling2D",
        "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "BatchNormalization",
        "Bidirectional", "CategoryEncoding", "CenterCrop", "Concatenate", "Conv1D",
        "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM1D",
        "ConvLSTM2D", "ConvLSTM3D", "Convolution1D", "Convolution1DTranspose", "Convolution2D",
        "Convolution2DTranspose", "Convolution3D", "Convolution3DTranspose", "Cropping1D",
        "Cropping2D", "Cropping3D", "Dense", "DenseFeatures", "DepthwiseConv1D", "DepthwiseConv2D",
        "Discretization", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding", "Flatten", "GRU",
        "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
        "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D",
        "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
        "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization",
        "HashedCrossing", "Hashing", "Identity", "InputLayer", "InputSpec", "IntegerLookup",
        "LSTM", "LSTMCell", "Lambda", "Layer", "LayerNormalization", "LeakyReLU",
        "LocallyConnected1D", "LocallyConnected2D", "Masking", "MaxPool1D", "MaxPool2D",
        "MaxPool3D", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum",
        "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "RNN",
        "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight",
        "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom", "ReLU", "RepeatVector",
        "Rescaling", "Reshape", "Resizing", "SeparableConv1D", "SeparableConv2D",
        "SeparableConvolution1D", "SeparableConvolution2D", "SimpleRNN", "SimpleRNNCell",
        "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
        "SpectralNormalization", "StackedRNNCells", "StringLookup", "Subtract",
        "TextVectorization", "ThresholdedReLU", "TimeDistributed", "UnitNormalization",
        "UpSampling1D", "UpSampling2D", "UpSampling3D", "Wrapper", "ZeroPadding1D",
        "ZeroPadding2D", "ZeroPadding3D",
    )),
    "keras.layers.experimental": frozenset((
        "DynamicEmbedding", "DynamicLookup", "EinsumDense", "RandomFourierFeatures",
        "SyncBatchNormalization",
    )),
    "keras.layers.experimental.preprocessing": frozenset((
        "CategoryEncoding", "CenterCrop", "Discretization", "HashedCrossing", "Hashing",
        "IntegerLookup", "Normalization", "PreprocessingLayer", "RandomContrast", "RandomCrop",
        "RandomFlip", "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth",
        "RandomZoom", "Rescaling", "Resizing", "StringLookup", "TextVectorization",
    )),
    "keras.losses": frozenset((
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
        "CategoricalFocalCrossentropy", "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber",
        "KLDivergence", "LogCosh", "Loss", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
        "SparseCategoricalCrossentropy", "SquaredHinge",
    )),
    "keras.metrics": frozenset((
        "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU",
        "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "CosineSimilarity",
        "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU",
        "KLDivergence", "LogCoshError", "Mean", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanIoU", "MeanMetricWrapper", "MeanRelativeError", "MeanSquaredError",
        "MeanSquaredLogarithmicError", "MeanTensor", "Metric", "OneHotIoU", "OneHotMeanIoU",
        "Poisson", "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision",
        "RootMeanSquaredError", "SensitivityAtSpecificity", "SparseCategoricalAccuracy",
        "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
        "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy",
        "TrueNegatives", "TruePositives",
    )),
    "keras.metrics.experimental": frozenset((
        "PyMetric",
    )),
    "keras.models": frozenset((
        "Model", "Sequential",
    )),
    "keras.models.experimental": frozenset((
        "SharpnessAwareMinimization",
    )),
    "keras.optimizers": frozenset((
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam",
        "Optimizer", "RMSprop", "SGD",
    )),
    "keras.optimizers.experimental": frozenset((
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Nadam",
        "Optimizer", "RMSprop", "SGD",
    )),
    "keras.optimizers.legacy": frozenset((
        "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop", "SGD",
    )),
    "keras.optimizers.schedules": frozenset((
        "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
        "LearningRateSchedule", "PiecewiseConstantDecay", "PolynomialDecay",
    )),
    "keras.regularizers": frozenset((
        "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "l1", "l2",
        "orthogonal_regularizer",
    )),
}

# TF_KERAS_SOURCES: classes of tf-keras, by their module as below tf_keras.src.
TF_KERAS_SOURCES: dict[str, frozenset[str]] = {
    "applications.convnext": frozenset((
        "LayerScale", "StochasticDepth",
    )),
    "applications.inception_resnet_v2": frozenset((
        "CustomScaleLayer",
    )),
    "constraints": frozenset((
        "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm",
        "max_norm", "maxnorm", "min_max_norm", "non_neg", "nonneg", "radial_constraint",
        "unit_norm", "unitnorm",
    )),
    "engine.base_layer": frozenset((
        "AddLoss", "AddMetric", "BaseRandomLayer", "Layer",
    )),
    "engine.base_preprocessing_layer": frozenset((
        "PreprocessingLayer",
    )),
    "engine.compile_utils": frozenset((
        "LossesContainer",
    )),
    "engine.functional": frozenset((
        "Functional", "ModuleWrapper",
    )),
    "engine.input_layer": frozenset((
        "InputLayer",
    )),
    "engine.input_spec": frozenset((
        "InputSpec",
    )),
    "engine.sequential": frozenset((
        "Sequential",
    )),
    "engine.training": frozenset((
        "Model",
    )),
    "engine.training_v1": frozenset((
        "DistributedCallbackModel", "Model",
    )),
    "feature_column.base_feature_layer": frozenset((
        "_BaseFeaturesLayer",
    )),
    "feature_column.dense_features": frozenset((
        "DenseFeatures",
    )),
    "feature_column.dense_features_v2": frozenset((
        "DenseFeatures",
    )),
    "feature_column.sequence_feature_column": frozenset((
        "SequenceFeatures",
    )),
    "initializers.initializers": frozenset((
        "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
        "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal",
        "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
    )),
    "initializers.initializers_v1": frozenset((
        "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "RandomNormal", "RandomUniform",
        "TruncatedNormal",
    )),
    "layers.activation.elu": frozenset((
        "ELU",
    )),
    "layers.activation.leaky_relu": frozenset((
        "LeakyReLU",
    )),
    "layers.activation.prelu": frozenset((
        "PReLU",
    )),
    "layers.activation.relu": frozenset((
        "ReLU",
    )),
    "layers.activation.softmax": frozenset((
        "Softmax",
    )),
    "layers.activation.thresholded_relu": frozenset((
        "ThresholdedReLU",
    )),
    "layers.attention.additive_attention": frozenset((
        "AdditiveAttention",
    )),
    "layers.attention.attention": frozenset((
        "Attention",
    )),
    "layers.attention.base_dense_attention": frozenset((
        "BaseDenseAttention",
    )),
    "layers.attention.multi_head_attention": frozenset((
        "MultiHeadAttention",
    )),
    "layers.convolutional.base_conv": frozenset((
        "Conv",
    )),
    "layers.convolutional.base_depthwise_conv": frozenset((
        "DepthwiseConv",
    )),
    "layers.convolutional.base_separable_conv": frozenset((
        "SeparableConv",
    )),
    "layers.convolutional.conv1d": frozenset((
        "Conv1D", "Convolution1D",
    )),
    "layers.convolutional.conv1d_transpose": frozenset((
        "Conv1DTranspose", "Convolution1DTranspose",
    )),
    "layers.convolutional.conv2d": frozenset((
        "Conv2D", "Convolution2D",
    )),
    "layers.convolutional.conv2d_transpose": frozenset((
        "Conv2DTranspose", "Convolution2DTranspose",
    )),
    "layers.convolutional.conv3d": frozenset((
        "Conv3D", "Convolution3D",
    )),
    "layers.convolutional.conv3d_transpose": frozenset((
        "Conv3DTranspose", "Convolution3DTranspose",
    )),
    "layers.convolutional.depthwise_conv1d": frozenset((
        "DepthwiseConv1D",
    )),
    "layers.convolutional.depthwise_conv2d": frozenset((
        "DepthwiseConv2D",
    )),
    "layers.convolutional.separable_conv1d": frozenset((
        "SeparableConv1D", "SeparableConvolution1D",
    )),
    "layers.convolutional.separable_conv2d": frozenset((
        "SeparableConv2D", "SeparableConvolution2D",
    )),
    "layers.core.activation": frozenset((
        "Activation",
    )),
    "layers.core.dense": frozenset((
        "Dense",
    )),
    "layers.core.einsum_dense": frozenset((
        "EinsumDense",
    )),
    "layers.core.embedding": frozenset((
        "Embedding",
    )),
    "layers.core.identity": frozenset((
        "Identity",
    )),
    "layers.core.lambda_layer": frozenset((
        "Lambda",
    )),
    "layers.core.masking": frozenset((
        "Masking",
    )),
    "layers.core.tf_op_layer": frozenset((
        "ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda", "TFOpLambda",
    )),
    "layers.experimental.dynamic_embedding": frozenset((
        "DynamicEmbedding",
    )),
    "layers.experimental.dynamic_lookup": frozenset((
        "DynamicLookup",
    )),
    "layers.kernelized": frozenset((
        "RandomFourierFeatures",
    )),
    "layers.locally_connected.locally_connected1d": frozenset((
        "LocallyConnected1D",
    )),
    "layers.locally_connected.locally_connected2d": frozenset((
        "LocallyConnected2D",
    )),
    "layers.merging.add": frozenset((
        "Add",
    )),
    "layers.merging.average": frozenset((
        "Average",
    )),
    "layers.merging.base_merge": frozenset((
        "_Merge",
    )),
    "layers.merging.concatenate": frozenset((
        "Concatenate",
    )),
    "layers.merging.dot": frozenset((
        "Dot",
    )),
    "layers.merging.maximum": frozenset((
        "Maximum",
    )),
    "layers.merging.minimum": frozenset((
        "Minimum",
    )),
    "layers.merging.multiply": frozenset((
        "Multiply",
    )),
    "layers.merging.subtract": frozenset((
        "Subtract",
    )),
    "layers.normalization.batch_normalization": frozenset((
        "BatchNormalization", "BatchNormalizationBase", "SyncBatchNormalization",
    )),
    "layers.normalization.batch_normalization_v1": frozenset((
        "BatchNormalization",
    )),
    "layers.normalization.group_normalization": frozenset((
        "GroupNormalization",
    )),
    "layers.normalization.layer_normalization": frozenset((
        "LayerNormalization",
    )),
    "layers.normalization.spectral_normalization": frozenset((
        "SpectralNormalization",
    )),
    "layers.normalization.unit_normalization": frozenset((
        "UnitNormalization",
    )),
    "layers.pooling.average_pooling1d": frozenset((
        "AveragePooling1D", "AvgPool1D",
    )),
    "layers.pooling.average_pooling2d": frozenset((
        "AveragePooling2D", "AvgPool2D",
    )),
    "layers.pooling.average_pooling3d": frozenset((
        "AveragePooling3D", "AvgPool3D",
    )),
    "layers.pooling.base_global_pooling1d": frozenset((
        "GlobalPooling1D",
    )),
    "layers.pooling.base_global_pooling2d": frozenset((
        "GlobalPooling2D",
    )),
    "layers.pooling.base_global_pooling3d": frozenset((
        "GlobalPooling3D",
    )),
    "layers.pooling.base_pooling1d": frozenset((
        "Pooling1D",
    )),
    "layers.pooling.base_pooling2d": frozenset((
        "Pooling2D",
    )),
    "layers.pooling.base_pooling3d": frozenset((
        "Pooling3D",
    )),
    "layers.pooling.global_average_pooling1d": frozenset((
        "GlobalAveragePooling1D", "GlobalAvgPool1D",
    )),
    "layers.pooling.global_average_pooling2d": frozenset((
        "GlobalAveragePooling2D", "GlobalAvgPool2D",
    )),
    "layers.pooling.global_average_pooling3d": frozenset((
        "GlobalAveragePooling3D", "GlobalAvgPool3D",
    )),
    "layers.pooling.global_max_pooling1d": frozenset((
        "GlobalMaxPool1D", "GlobalMaxPooling1D",
    )),
    "layers.pooling.global_max_pooling2d": frozenset((
        "GlobalMaxPool2D", "GlobalMaxPooling2D",
    )),
    "layers.pooling.global_max_pooling3d": frozenset((
        "GlobalMaxPool3D", "GlobalMaxPooling3D",
    )),
    "layers.pooling.max_pooling1d": frozenset((
        "MaxPool1D", "MaxPooling1D",
    )),
    "layers.pooling.max_pooling2d": frozenset((
        "MaxPool2D", "MaxPooling2D",
    )),
    "layers.pooling.max_pooling3d": frozenset((
        "MaxPool3D", "MaxPooling3D",
    )),
    "layers.preprocessing.category_encoding": frozenset((
        "CategoryEncoding",
    )),
    "layers.preprocessing.discretization": frozenset((
        "Discretization",
    )),
    "layers.preprocessing.hashed_crossing": frozenset((
        "HashedCrossing",
    )),
    "layers.preprocessing.hashing": frozenset((
        "Hashing",
    )),
    "layers.preprocessing.image_preprocessing": frozenset((
        "CenterCrop", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip",
        "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom",
        "Rescaling", "Resizing",
    )),
    "layers.preprocessing.index_lookup": frozenset((
        "IndexLookup",
    )),
    "layers.preprocessing.integer_lookup": frozenset((
        "IntegerLookup",
    )),
    "layers.preprocessing.normalization": frozenset((
        "Normalization",
    )),
    "layers.preprocessing.string_lookup": frozenset((
        "StringLookup",
    )),
    "layers.preprocessing.text_vectorization": frozenset((
        "TextVectorization",
    )),
    "layers.regularization.activity_regularization": frozenset((
        "ActivityRegularization",
    )),
    "layers.regularization.alpha_dropout": frozenset((
        "AlphaDropout",
    )),
    "layers.regularization.dropout": frozenset((
        "Dropout",
    )),
    "layers.regularization.gaussian_dropout": frozenset((
        "GaussianDropout",
    )),
    "layers.regularization.gaussian_noise": frozenset((
        "GaussianNoise",
    )),
    "layers.regularization.spatial_dropout1d": frozenset((
        "SpatialDropout1D",
    )),
    "layers.regularization.spatial_dropout2d": frozenset((
        "SpatialDropout2D",
    )),
    "layers.regularization.spatial_dropout3d": frozenset((
        "SpatialDropout3D",
    )),
    "layers.reshaping.cropping1d": frozenset((
        "Cropping1D",
    )),
    "layers.reshaping.cropping2d": frozenset((
        "Cropping2D",
    )),
    "layers.reshaping.cropping3d": frozenset((
        "Cropping3D",
    )),
    "layers.reshaping.flatten": frozenset((
        "Flatten",
    )),
    "layers.reshaping.permute": frozenset((
        "Permute",
    )),
    "layers.reshaping.repeat_vector": frozenset((
        "RepeatVector",
    )),
    "layers.reshaping.reshape": frozenset((
        "Reshape",
    )),
    "layers.reshaping.up_sampling1d": frozenset((
        "UpSampling1D",
    )),
    "layers.reshaping.up_sampling2d": frozenset((
        "UpSampling2D",
    )),
    "layers.reshaping.up_sampling3d": frozenset((
        "UpSampling3D",
    )),
    "layers.reshaping.zero_padding1d": frozenset((
        "ZeroPadding1D",
    )),
    "layers.reshaping.zero_padding2d": frozenset((
        "ZeroPadding2D",
    )),
    "layers.reshaping.zero_padding3d": frozenset((
        "ZeroPadding3D",
    )),
    "layers.rnn.abstract_rnn_cell": frozenset((
        "AbstractRNNCell",
    )),
    "layers.rnn.base_conv_lstm": frozenset((
        "ConvLSTM", "ConvLSTMCell",
    )),
    "layers.rnn.base_conv_rnn": frozenset((
        "ConvRNN",
    )),
    "layers.rnn.base_cudnn_rnn": frozenset((
        "_CuDNNRNN",
    )),
    "layers.rnn.base_rnn": frozenset((
        "RNN",
    )),
    "layers.rnn.base_wrapper": frozenset((
        "Wrapper",
    )),
    "layers.rnn.bidirectional": frozenset((
        "Bidirectional",
    )),
    "layers.rnn.cell_wrappers": frozenset((
        "DeviceWrapper", "DropoutWrapper", "ResidualWrapper", "_RNNCellWrapper",
    )),
    "layers.rnn.conv_lstm1d": frozenset((
        "ConvLSTM1D",
    )),
    "layers.rnn.conv_lstm2d": frozenset((
        "ConvLSTM2D",
    )),
    "layers.rnn.conv_lstm3d": frozenset((
        "ConvLSTM3D",
    )),
    "layers.rnn.cudnn_gru": frozenset((
        "CuDNNGRU",
    )),
    "layers.rnn.cudnn_lstm": frozenset((
        "CuDNNLSTM",
    )),
    "layers.rnn.gru": frozenset((
        "GRU", "GRUCell",
    )),
    "layers.rnn.gru_v1": frozenset((
        "GRU", "GRUCell",
    )),
    "layers.rnn.lstm": frozenset((
        "LSTM", "LSTMCell",
    )),
    "layers.rnn.lstm_v1": frozenset((
        "LSTM", "LSTMCell",
    )),
    "layers.rnn.simple_rnn": frozenset((
        "SimpleRNN", "SimpleRNNCell",
    )),
    "layers.rnn.stacked_rnn_cells": frozenset((
        "StackedRNNCells",
    )),
    "layers.rnn.time_distributed": frozenset((
        "TimeDistributed",
    )),
    "losses": frozenset((
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy",
        "CategoricalFocalCrossentropy", "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber",
        "KLDivergence", "LogCosh", "Loss", "LossFunctionWrapper", "MeanAbsoluteError",
        "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError",
        "Poisson", "SparseCategoricalCrossentropy", "SquaredHinge",
    )),
    "metrics.accuracy_metrics": frozenset((
        "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy",
    )),
    "metrics.base_metric": frozenset((
        "Mean", "MeanMetricWrapper", "MeanTensor", "Metric", "Reduce", "Sum", "SumOverBatchSize",
        "SumOverBatchSizeMetricWrapper",
    )),
    "metrics.confusion_metrics": frozenset((
        "AUC", "FalseNegatives", "FalsePositives", "Precision", "PrecisionAtRecall", "Recall",
        "RecallAtPrecision", "SensitivityAtSpecificity", "SensitivitySpecificityBase",
        "SpecificityAtSensitivity", "TrueNegatives", "TruePositives",
        "_ConfusionMatrixConditionCount",
    )),
    "metrics.f_score_metrics": frozenset((
        "F1Score", "FBetaScore",
    )),
    "metrics.hinge_metrics": frozenset((
        "CategoricalHinge", "Hinge", "SquaredHinge",
    )),
    "metrics.iou_metrics": frozenset((
        "BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "_IoUBase",
    )),
    "metrics.probabilistic_metrics": frozenset((
        "BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Poisson",
        "SparseCategoricalCrossentropy",
    )),
    "metrics.py_metric": frozenset((
        "PyMetric",
    )),
    "metrics.regression_metrics": frozenset((
        "CosineSimilarity", "LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanRelativeError", "MeanSquaredError", "MeanSquaredLogarithmicError", "R2Score",
        "RootMeanSquaredError",
    )),
    "mixed_precision.loss_scale_optimizer": frozenset((
        "LossScaleOptimizer", "LossScaleOptimizerV3",
    )),
    "mixed_precision.policy": frozenset((
        "Policy",
    )),
    "models.sharpness_aware_minimization": frozenset((
        "SharpnessAwareMinimization",
    )),
    "optimizers.adadelta": frozenset((
        "Adadelta",
    )),
    "optimizers.adafactor": frozenset((
        "Adafactor",
    )),
    "optimizers.adagrad": frozenset((
        "Adagrad",
    )),
    "optimizers.adam": frozenset((
        "Adam",
    )),
    "optimizers.adamax": frozenset((
        "Adamax",
    )),
    "optimizers.adamw": frozenset((
        "AdamW",
    )),
    "optimizers.ftrl": frozenset((
        "Ftrl",
    )),
    "optimizers.legacy.adadelta": frozenset((
        "Adadelta",
    )),
    "optimizers.legacy.adagrad": frozenset((
        "Adagrad",
    )),
    "optimizers.legacy.adam": frozenset((
        "Adam", "NonFusedAdam",
    )),
    "optimizers.legacy.adamax": frozenset((
        "Adamax",
    )),
    "optimizers.legacy.ftrl": frozenset((
        "Ftrl",
    )),
    "optimizers.legacy.gradient_descent": frozenset((
        "SGD",
    )),
    "optimizers.legacy.nadam": frozenset((
        "Nadam",
    )),
    "optimizers.legacy.optimizer_v2": frozenset((
        "OptimizerV2", "RestoredOptimizer",
    )),
    "optimizers.legacy.rmsprop": frozenset((
        "RMSProp", "RMSprop",
    )),
    "optimizers.lion": frozenset((
        "Lion",
    )),
    "optimizers.nadam": frozenset((
        "Nadam",
    )),
    "optimizers.optimizer": frozenset((
        "Optimizer", "RestoredOptimizer", "_BaseOptimizer",
    )),
    "optimizers.optimizer_v1": frozenset((
        "Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "Optimizer", "RMSprop", "SGD",
        "TFOptimizer", "adadelta", "adagrad", "adam", "adamax", "nadam", "rmsprop", "sgd",
    )),
    "optimizers.rmsprop": frozenset((
        "RMSprop",
    )),
    "optimizers.schedules.learning_rate_schedule": frozenset((
        "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay",
        "LearningRateSchedule", "LinearCosineDecay", "NoisyLinearCosineDecay",
        "PiecewiseConstantDecay", "PolynomialDecay",
    )),
    "optimizers.sgd": frozenset((
        "SGD",
    )),
    "premade_models.linear": frozenset((
        "LinearModel",
    )),
    "premade_models.wide_deep": frozenset((
        "WideDeepModel",
    )),
    "regularizers": frozenset((
        "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "l1", "l2",
        "orthogonal_regularizer",
    )),
}

# TF_KERAS_FUNCTIONS: functions of tf-keras, and of Keras 2.
TF_KERAS_FUNCTIONS: dict[str, frozenset[str]] = {
    "builtins": frozenset((
        "KLD", "MAE", "MAPE", "MSE", "MSLE", "binary_accuracy", "binary_crossentropy",
        "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy",
        "categorical_focal_crossentropy", "categorical_hinge", "cosine_similarity", "elu",
        "exponential", "gelu", "hard_sigmoid", "hinge", "huber", "kl_divergence", "kld",
        "kullback_leibler_divergence", "l1_l2", "linear", "log_cosh", "logcosh", "mae", "mape",
        "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
        "mean_squared_logarithmic_error", "mish", "mse", "msle", "poisson", "relu", "selu",
        "sigmoid", "softmax", "softplus", "softsign", "sparse_categorical_accuracy",
        "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy", "squared_hinge",
        "swish", "tanh", "top_k_categorical_accuracy",
    )),
    "keras.activations": frozenset((
        "elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu", "sigmoid",
        "softmax", "softplus", "softsign", "swish", "tanh",
    )),
    "keras.losses": frozenset((
        "KLD", "MAE", "MAPE", "MSE", "MSLE", "binary_crossentropy", "binary_focal_crossentropy",
        "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge",
        "cosine_similarity", "hinge", "huber", "kl_divergence", "kld",
        "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape", "mean_absolute_error",
        "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
        "mse", "msle", "poisson", "sparse_categorical_crossentropy", "squared_hinge",
    )),
    "keras.metrics": frozenset((
        "KLD", "MAE", "MAPE", "MSE", "MSLE", "binary_accuracy", "binary_crossentropy",
        "binary_focal_crossentropy", "categorical_accuracy", "categorical_crossentropy",
        "categorical_focal_crossentropy", "hinge", "kl_divergence", "kld",
        "kullback_leibler_divergence", "log_cosh", "logcosh", "mae", "mape", "mean_absolute_error",
        "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
        "mse", "msle", "poisson", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
        "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy",
    )),
    "keras.regularizers": frozenset((
        "l1_l2",
    )),
}
