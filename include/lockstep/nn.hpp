// Neural networks: layers checked by the compiler, data sets, and training that is data parallel.
#pragma once

#include "nn/data/idx.hpp"
#include "nn/data/shuffle.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "nn/schedule.hpp"
#include "nn/sequential.hpp"
#include "nn/train/chart.hpp"
#include "nn/train/trainer.hpp"
