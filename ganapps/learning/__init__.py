"""How a GAN learns: objectives, regularisers, critics, small data, and the game that plays them."""
