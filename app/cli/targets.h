// Where a command writes, checked before anything is measured.
#pragma once

#include <string>
#include <vector>

namespace perfmamba::cli {

/// An option and what it names: a file, "-" for standard output, or nothing where it is not given.
struct Target {
    std::string option;
    std::string file;
};

/// What a command reads.
struct Inputs {
    std::vector<std::string> files;
    std::vector<std::string> models;  // folders, files in them, or GGUF files
};

/// Throws UsageError where two targets are the same, or where one is a file that is read, or one of the files of a
/// model that is read.
void checkTargets(const std::vector<Target>& targets, const Inputs& inputs);
/// Throws UsageError where an HDF5 file is to go to standard output.
void checkIsFile(const Target& hdf5);

}  // namespace perfmamba::cli
