"""What all faces share: data sets, models, training, threads, and the checks of what users give."""
