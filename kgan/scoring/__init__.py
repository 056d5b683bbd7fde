"""What images are judged by: the classifier, Inception, the benchmark of a data set, the doctor."""
