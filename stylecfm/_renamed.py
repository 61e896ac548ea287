"""Names of earlier versions: each module still gives them, with a warning. No notebook is the source of this file."""
import warnings

# {module: old>new ...}
_ROWS = {
    'data.abstraction': 'blur>gaussian_blur kuwahara>disc_kuwahara LUMA>LUMA_WEIGHTS',
    'models.norms': 'Mod>ModulationParams modulated>modulate',
    'cli.advice': (
        'measured>measure_strategies LOOK_AT>SCAN_LIMIT Looked>FolderImages look_at_folder>scan_images '
        'twins>find_duplicates pinned>fixed_memory_options'),
    'app.page': (
        'SHOWN>STRIP_POINTS SMALL>STRIP_SIDE GUESS>AUTO_DETECT opened>open_upload strip>trajectory_strip '
        'stops>spread_points Painted>PageResult paint>paint_upload example>example_photo '
        'thumbnail>app.parts:small_square page>build_page DIALS>DIAL_ROWS'),
    'apps.anatomy': 'phantom>make_phantom ENHANCED>ENHANCED_T1',
    'apps.brain': (
        'Way>LesionMethod ways>lesion_methods Effort>BrainEffort Score>LesionScore scored>score_maps '
        'draw>draw_phantoms USUAL>USUAL_FILE TIMES>REPAINT_TIMES Usual>UsualDifferences '
        'seal_phantoms>write_phantoms'),
    'apps.cloud_formats': 'NAMES>COLUMN_NAMES FORMATS>CLOUD_FORMATS',
    'apps.clouds': (
        'Grid>VoxelGrid Seen>SensorPair nearness>compare_clouds Nearness>CloudDistances '
        'nearest>nearest_distances'),
    'apps.nifti': 'NAMES>MODALITY_NAMES',
    'apps.radar': (
        'WAYS>VARIANTS ways>ray_directions RIVALS>BASELINES rival_volumes>baseline_volumes '
        'rival_scores>baseline_scores PRESETS>RADAR_PRESETS Size>RadarSize Effort>RadarEffort '
        'seen>observe_street enhanced>enhance_cloud GROUND>GROUND_HEIGHT'),
    'apps.users': (
        'Size>DocumentSize SIZES>DOCUMENT_SIZES Effort>UsersEffort Score>HandScore scored>score_images '
        'counted>count_document_parameters Scans>Digits scans>load_digits_split '
        'OBJECTIVES>OUTPUT_OF_OBJECTIVE nearest>nearest_known told>score_lines make_judge>make_classifier'),
    'models.block_gradient': 'normed>modulated_norm',
    'training.checkpoints': (
        'starter>pretrained_model standing>may_resume settled>ensure_run_folder FREE>CHANGEABLE_KEYS '
        'enough_room>check_disk_space also_changed>changed_but_allowed differing>changed_keys'),
    'cli.commands': 'pairs>file_pairs LONGEST>LONGEST_SIDE tell>report_cache weights_of>parse_weights',
    'codecs.base': (
        'PRECISIONS>CODEC_PRECISIONS KNOWN>DIFFUSERS_CLASSES WEIGHTS>WEIGHTS_FILE OWN>OWN_CLASSES '
        'starts>tile_starts SLICE>SLICE_PIXELS'),
    'config': (
        'row>record_of many>list_of table>dict_of DIGEST>SHA256 LONGEST>LONGEST_NAME one_word>one_word_of'),
    'flow.couplings': (
        'products>inner_products assign>solve_assignment inside_styles>couple_per_class '
        'semidiscrete>semidiscrete_pair SemiDiscrete>SemiDiscretePlan fit_heights>fit_potentials '
        'SUMS>SINKHORN_TOLERANCE finite>check_finite centred>centred_rows'),
    'evaluation.classifier': (
        'Judge>StyleClassifier small_judge>small_classifier train_judge>train_classifier judged>classify '
        'fit>fit_classifier squares>random_squares SIDE>CLASSIFIER_SIDE'),
    'data.decoding': 'over>composite_over note>note_assumption',
    'apps.demo': 'painter>demo_painting PAINTER>OIL_SETTINGS draw>draw_crops score>demo_score',
    'flow.editing': 'loop>ddib',
    'flow.edm': 'Noise>EDMNoise scalings>edm_scalings Scalings>EDMScalings Sampled>EDMSample',
    'evaluation.report': 'rivals>simple_baselines PAGE>REPORT_TEMPLATE Effort>EvaluationEffort FIGURES>METRICS',
    'pipeline.export': 'example>example_inputs difference>relative_difference',
    'flow.fields': 'Counted>CountingField tensor_in>output_tensor',
    'files': (
        'sealed_folder>atomic_folder narrowed>cast_to_half_if_lossless Held>FolderLock '
        'locked>exclusive_lock skipped>print_skipped SKIPPED>SKIPPED_PREFIX one_at_a_time>exclusive_job '
        'others_files>unlisted_files make_once>make_folder_once'),
    'data.folders': 'left_aside>unused_in_styles',
    'flow.guidance': 'mixed>composed_field blended>interpolated_model',
    'data.images': 'Shown>JpegPicture shown>picture_grid Bad>UnusedFile',
    'models.isonext': (
        'STRIP>STRIP_PIXELS AGAIN>CHECKPOINT_OPTIONS SIZES>MODEL_SIZES operations>count_operations '
        'on_slices>per_slice AlongDepth>DepthConv'),
    'codecs.lapped': 'SIDE>TILE_SIDE corrector>correction_network descend>minimise',
    'latents.files': 'PLAIN>PLAIN_CONVENTION',
    'latents.cache': (
        'survey>scan_entries Fetched>ReadResult fetch>read_entry ahead>prefetch alone>cache_lock '
        'Team>Processes Plan>CachePlan Known>KnownLatents in_parts>split_into_parts merge>merge_parts'),
    'training.memory': (
        'backward_in_parts>accumulate_gradients Means>MemoryOptions Row>OperationRow '
        'Measured>StepMeasurement OVERHEAD>DEFAULT_OVERHEAD PRECISIONS>AUTOCAST_DTYPES '
        'COLOURS>CATEGORY_COLOURS parameters>count_parameters precision_on>autocast_dtype '
        'build>network_from_config'),
    'evaluation.metrics': 'LEVELS>TONE_LEVELS Structure>StructureScores',
    'training.optim': (
        'as_used>eval_weights Stopped>Interrupted noted_signals>catch_signals decays>ema_decays '
        'order>epoch_order'),
    'flow.losses': (
        'Draw>FlowMatchingOptions LossBy>BinnedLosses loss_by>binned_losses conditioned>conditioned_field'),
    'app.parts': 'example>example_photo thumbnail>small_square',
    'data.painters': (
        'blur>blur_channels kuwahara>anisotropic_kuwahara palette>oil_colours crop>random_square '
        'INK>INK_COLOUR PAPER>PAPER_COLOUR along>smooth_along sample>nearest_lookup'),
    'evaluation.painting_metrics': (
        'Features>ImageFeatures features>compute_features squeezenet>load_squeezenet '
        'composition>composition_agreement Composition>CompositionScores UNIT>KID_UNIT'),
    'evaluation.painting_table': (
        'Bench>SharedImages bench>shared_images Painted>MethodResult painted>paint_missing '
        'measured>measure_method'),
    'training.paired': (
        'SaysData>training.pair_objectives:VelocityFromData start_of>training.pair_objectives:path_start '
        'Recipe>PairRecipe OBJECTIVES>training.pair_objectives:PAIR_OBJECTIVES '
        'translate>training.pair_objectives:translate path_start>training.pair_objectives:path_start '
        'VelocityFromData>training.pair_objectives:VelocityFromData AsEDM>training.pair_objectives:AsEDM '
        'PAIR_OBJECTIVES>training.pair_objectives:PAIR_OBJECTIVES '
        'LEAST_TO_GO>training.pair_objectives:LEAST_TO_GO Fitted>training.recipe_trainer:Fitted'),
    'flow.paths': 'TIMES>TIME_DISTRIBUTIONS WEIGHTS>LOSS_WEIGHTS',
    'pipeline.files': 'fetched>local_folder',
    'pipeline.job': (
        'Options>TransferOptions Opened>OpenedImage Guess>DetectedStyle arrived>check_converged '
        'STARTS>MODE_STARTS Job>TransferJob'),
    'training.memory_plan': (
        'Way>Strategy WAYS>STRATEGIES way>profile_strategy here>default_device HERE>LOCAL_OVERHEAD '
        'LAPTOP>REFERENCE_GPU surely_enough>upper_bound_bytes affordable>check_affordable '
        'means_for>choose_memory_options with_less>retry_with_smaller_batch '
        'memory_at_hand>available_memory memory_now>memory_in_use'),
    'data.torch_files': 'PLAIN>PLAIN_TYPES',
    'models.context': 'AT_ONCE>MAX_EXPONENTIALS tilt>log_partition directions>query_directions',
    'pipeline.repaint': (
        'Painted>PaintingResult base_of>base_size_of condition_of>structure_condition_of '
        'Painter>StructurePainter paint>paint_images'),
    'flow.solvers': (
        'Counted>CountingField Carry>ReversibleState solve_strides>solve_skipping Options>SolverOptions '
        'Pair>EmbeddedPair State>StepState Method>SolverMethod tensor_in>flow.fields:output_tensor '
        'ADAPTIVE>ADAPTIVE_METHODS'),
    'latents.sources': 'put_aside>hold_out SAMPLED>SAMPLED_FILES',
    'data.splits': 'SIDE>DESCRIPTOR_SIDE SIZES>WINDOW_SIZES',
    'flow.inversion': (
        'radii>radial_bins Health>NoiseDiagnostics health>noise_diagnostics features>probe_features '
        'probe>linear_probe matched>match_latents renewed>renoise MATCHES>LATENT_MATCHINGS'),
    'codecs.tiles': (
        'principal>principal_components Principal>LinearCode CROP>CROP_SIDE GROUND>BAND_SETTINGS '
        'correction>residual_network shifted>shifted_crops'),
    'training.trainer': 'first_weights>initial_weights build_network>training.run_setup:build_network',
    'pipeline.transfer': (
        'Options>TransferOptions Opened>OpenedImage Guess>DetectedStyle GUESSES>DETECTION_POINTS '
        'fetched>local_folder arrived>check_converged STARTS>MODE_STARTS Job>TransferJob'),
    'models.unet': 'LEVELS>CHANNEL_MULTIPLIERS heads>num_heads',
    'training.validation': 'Split>HeldOutSplit split>split_cache'
}
NAMES = {m: dict(pair.split('>') for pair in text.split()) for m, text in _ROWS.items()}


def lookup(
    module:str, # Full name of the module, as stylecfm.memory
    name:str, # Name that the module does not have
):
    "The object that an earlier name of a module means; raises `AttributeError` for an unknown name."
    where, _, new = NAMES.get(module.removeprefix('stylecfm.'), {}).get(name, '').rpartition(':')
    if not new: raise AttributeError(f'module {module!r} has no attribute {name!r}')
    from importlib import import_module
    home = f'stylecfm.{where}' if where else module
    warnings.warn(f'{module}.{name} is now {home}.{new}', DeprecationWarning, stacklevel=3)
    return getattr(import_module(home), new)
