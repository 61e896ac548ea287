"""A trained model at work: pictures, large pictures, videos, exported networks."""
