"""Applications in other fields: medical images, digits of several hands, point clouds."""
