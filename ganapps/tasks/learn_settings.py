"""What can be chosen in the Lab, each declared once; None is what suits the data."""

from __future__ import annotations

from typing import Annotated, Literal

from ganapps.settings import Setting

MOST_STEPS = 200_000  # of any run
POINTS, PICTURES = "points", "pictures"
SUITING = ("what suits the data", "")

Data = Annotated[
    Literal[
        "ring", "grid", "two moons", "spiral", "line", "drawn", "digits", "heads", "own", "dirac"
    ],
    Setting(
        label="What they learn from",
        choices=(
            ("a ring of 8", "ring"),
            ("a grid of 25", "grid"),
            ("two moons", "two moons"),
            ("a spiral", "spiral"),
            ("one line", "line"),
            ("points that you draw", "drawn"),
            ("handwritten digits, 16 px", "digits"),
            ("heads, 32 px", "heads"),
            ("your own pictures, 32 px", "own"),
            ("two numbers (the Dirac GAN)", "dirac"),
        ),
        says="what is learned from: points in the plane, pictures, or two numbers that play",
    ),
]
Points = Annotated[
    list,
    Setting(says="the points [[x, y], ...] that were drawn, x and y from -2.2 to 2.2, up to 2,000"),
]
Examples = Annotated[
    int,
    Setting(
        0,
        10_000,
        label="How many of the pictures (0: all)",
        seldom=True,
        says="how many of the pictures are learned from, drawn by the seed; 0 for all",
        only_for=PICTURES,
    ),
]
Learner = Annotated[
    Literal["gan", "vae", "diffusion"],
    Setting(
        label="Who learns",
        choices=(("a GAN", "gan"), ("a VAE", "vae"), ("a diffusion model", "diffusion")),
        seldom=True,
        says="a GAN, or one of the rivals that learn by likelihood, from points only",
    ),
]
Objective = Annotated[
    Literal["minimax", "non-saturating", "least-squares", "wasserstein", "hinge", "relativistic"],
    Setting(
        label="Objective",
        choices=(
            SUITING,
            ("minimax of 2014, saturating", "minimax"),
            ("non-saturating", "non-saturating"),
            ("least squares (LSGAN)", "least-squares"),
            ("Wasserstein", "wasserstein"),
            ("hinge", "hinge"),
            ("relativistic (R3GAN)", "relativistic"),
        ),
        unset="",
        says="what the two players minimise; empty for what suits the data",
    ),
]
Optimiser = Annotated[
    Literal["adam", "sgd", "rmsprop"],
    Setting(
        label="Optimiser",
        choices=(("Adam", "adam"), ("SGD", "sgd"), ("RMSprop", "rmsprop")),
        seldom=True,
        says="how the players follow their gradients",
    ),
]
GeneratorRate = Annotated[
    float,
    Setting(
        0.0,
        1000.0,
        label="Rate of G (0: what suits)",
        step=0.0001,
        seldom=True,
        unset=0,
        says="learning rate of the generator; 0 for what suits the data",
    ),
]
DiscriminatorRate = Annotated[
    float,
    Setting(
        0.0,
        1000.0,
        label="Rate of D (0: what suits)",
        step=0.0001,
        seldom=True,
        beside=True,
        unset=0,
        says="learning rate of the discriminator; 0 for what suits the data",
    ),
]
Momentum = Annotated[
    float,
    Setting(
        0.0,
        0.999,
        label="Momentum, beta 1 of Adam (empty: what suits)",
        step=0.05,
        seldom=True,
        says="beta 1 of Adam, or the momentum of SGD",
    ),
]
CriticSteps = Annotated[
    int,
    Setting(
        1,
        20,
        label="Steps of D for each of G",
        slider=(1, 20),
        seldom=True,
        says="steps of the discriminator for each of the generator",
    ),
]
Batch = Annotated[
    int,
    Setting(
        8,
        512,
        label="Batch (0: what suits)",
        seldom=True,
        unset=0,
        says="samples a step, for pictures at most 128; 0 for what suits the data",
    ),
]
Noise = Annotated[
    int,
    Setting(
        1,
        256,
        label="Numbers of noise",
        seldom=True,
        beside=True,
        says="how many numbers of noise the generator is given",
    ),
]
Width = Annotated[
    int,
    Setting(
        8,
        256,
        label="Width (0: what suits)",
        seldom=True,
        unset=0,
        says="width of a layer, for pictures at most 64; 0 for what suits the data",
    ),
]
Depth = Annotated[
    int,
    Setting(
        1,
        4,
        label="Layers",
        seldom=True,
        beside=True,
        says="layers of both players",
        only_for=POINTS,
    ),
]
Frozen = Annotated[
    bool,
    Setting(
        label="Hold the generator still",
        seldom=True,
        says="the generator stays as it is: only the discriminator learns",
    ),
]
Spectral = Annotated[
    bool,
    Setting(
        label="Spectral norm",
        choices=(SUITING, ("on", True), ("off", False)),
        unset="",
        says="spectral norm on the discriminator (Miyato 2018)",
    ),
]
R1 = Annotated[
    float,
    Setting(
        0.0,
        1000.0,
        label="R1 penalty",
        step=0.1,
        says="weight of R1, the penalty on the gradient at real samples (Mescheder 2018)",
    ),
]
R2 = Annotated[
    float,
    Setting(
        0.0,
        1000.0,
        label="R2 penalty",
        step=0.1,
        seldom=True,
        says="weight of R2, the same at made samples",
    ),
]
GradientPenalty = Annotated[
    float,
    Setting(
        0.0,
        1000.0,
        label="Gradient penalty (WGAN-GP)",
        step=0.1,
        says="weight of the gradient penalty between real and made samples (Gulrajani 2017)",
    ),
]
Clip = Annotated[
    float,
    Setting(
        0.0,
        10.0,
        label="Clip D's weights at (0: not)",
        step=0.01,
        seldom=True,
        beside=True,
        says="weights of the discriminator are clipped to this after each step (Arjovsky 2017); "
        "0 for not",
    ),
]
InstanceNoise = Annotated[
    float,
    Setting(
        0.0,
        10.0,
        label="Instance noise",
        step=0.05,
        seldom=True,
        says="standard deviation of noise on all that the discriminator sees",
    ),
]
Smoothing = Annotated[
    float,
    Setting(
        0.0,
        0.5,
        label="Label smoothing",
        step=0.05,
        seldom=True,
        beside=True,
        says="one-sided label smoothing: 0.1 asks for 0.9 on what is real (Salimans 2016)",
    ),
]
FeatureMatching = Annotated[
    bool,
    Setting(
        label="Feature matching",
        seldom=True,
        says="the generator matches the mean of the discriminator's features (Salimans 2016)",
    ),
]
BatchLayer = Annotated[
    Literal["none", "deviation", "discrimination"],
    Setting(
        label="D sees the batch together",
        choices=(
            ("no", "none"),
            ("by its deviation", "deviation"),
            ("by minibatch discrimination", "discrimination"),
        ),
        seldom=True,
        says="a layer of the discriminator that sees the whole batch: its deviation (Karras 2018) "
        "or minibatch discrimination (Salimans 2016)",
    ),
]
Pack = Annotated[
    int,
    Setting(
        1,
        8,
        label="Samples packed together",
        slider=(1, 8),
        seldom=True,
        says="so many samples are judged together (PacGAN, Lin 2018)",
        only_for=POINTS,
    ),
]
Norm = Annotated[
    Literal["none", "batch", "virtual"],
    Setting(
        label="Norm in G",
        choices=(("none", "none"), ("batch norm", "batch"), ("virtual batch norm", "virtual")),
        seldom=True,
        says="batch norm or virtual batch norm in the generator (Salimans 2016)",
        only_for=POINTS,
    ),
]
Attention = Annotated[
    bool,
    Setting(
        label="Self-attention",
        seldom=True,
        says="self-attention in both players (Zhang 2019)",
        only_for=PICTURES,
    ),
]
Augment = Annotated[
    Literal["none", "always", "adaptive"],
    Setting(
        label="Augmentation",
        choices=(("none", "none"), ("always", "always"), ("adaptive (ADA)", "adaptive")),
        seldom=True,
        says="differentiable augmentation, always (Zhao 2020) or adaptive (Karras 2020)",
        only_for=PICTURES,
    ),
]
Steps = Annotated[
    int,
    Setting(
        1,
        MOST_STEPS,
        label="Steps (0: by the clock)",
        seldom=True,
        unset=0,
        says="the run ends after so many steps; 0 for by the clock",
    ),
]
Every = Annotated[
    int,
    Setting(
        1,
        10_000,
        label="Steps between two looks (0: by the clock)",
        seldom=True,
        unset=0,
        says="a look comes after so many steps, if not earlier: 1 for step by step; 0 for by the "
        "clock, two or three times a second",
    ),
]
Seconds = Annotated[
    float,
    Setting(
        0.5,
        600.0,
        label="Seconds, where no steps are given",
        slider=(5, 120),
        step=5,
        says="else it ends after so many seconds of computing; then the result names its steps",
    ),
]
Pretrain = Annotated[
    int,
    Setting(
        0,
        MOST_STEPS,
        label="First so many steps on the other pictures",
        seldom=True,
        says="the first so many steps learn from the pictures that are not among the examples, as "
        "a start from a trained generator does; 0 for none",
        only_for=PICTURES,
    ),
]
FrozenLayers = Annotated[
    int,
    Setting(
        0,
        3,
        label="Layers of D held still after that (FreezeD)",
        seldom=True,
        says="so many first layers of the discriminator learn no more after those steps (Mo 2020)",
        only_for=PICTURES,
    ),
]
Against = Annotated[
    list,
    Setting(
        says="up to three tables of settings that runs beside the first have otherwise; one for "
        "all are seed, data, points and seconds"
    ),
]
