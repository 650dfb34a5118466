"""The four files of MNIST."""
