"""What the public modules share: data sets, models, training, threads, and the validation of arguments."""
