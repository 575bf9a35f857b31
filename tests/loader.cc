// Loads a SavedModel as TensorFlow Serving does and calls its signatures: no Python anywhere.
//
//   loader MODEL REQUESTS RESPONSES
//
// REQUESTS and RESPONSES are TFRecord files of NameAttrList, the message of TensorFlow's own that
// is a name with named tensors. A request is the signature's name and its inputs; its response has
// the outputs, and as its name what went wrong, empty if nothing did.

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/core/framework/attr_value.pb.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/lib/io/record_reader.h"
#include "tensorflow/core/lib/io/record_writer.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/platform/errors.h"
#include "tensorflow/core/public/session.h"

namespace {

using Call = tensorflow::NameAttrList;
using Feeds = std::vector<std::pair<std::string, tensorflow::Tensor>>;

absl::Status ReadFeeds(const tensorflow::SignatureDef& signature, const Call& request,
                       Feeds* feeds) {
  if (request.attr_size() != signature.inputs_size()) {
    return absl::InvalidArgumentError(absl::StrCat("Expected ", signature.inputs_size(),
                                                   " inputs. Received: ", request.attr_size()));
  }
  for (const auto& input : signature.inputs()) {
    const auto value = request.attr().find(input.first);
    tensorflow::Tensor tensor;
    if (value == request.attr().end() || !tensor.FromProto(value->second.tensor())) {
      return absl::InvalidArgumentError(absl::StrCat("Expected a tensor ", input.first));
    }
    feeds->emplace_back(input.second.name(), tensor);
  }
  return absl::OkStatus();
}

absl::Status Run(const tensorflow::SavedModelBundle& bundle, const Call& request, Call* response) {
  const auto found = bundle.GetSignatures().find(request.name());
  if (found == bundle.GetSignatures().end()) {
    return absl::NotFoundError(absl::StrCat("Expected a signature. Received: ", request.name()));
  }
  Feeds feeds;
  TF_RETURN_IF_ERROR(ReadFeeds(found->second, request, &feeds));
  std::vector<std::string> names, fetches;
  for (const auto& output : found->second.outputs()) {
    names.push_back(output.first);
    fetches.push_back(output.second.name());
  }
  std::vector<tensorflow::Tensor> outputs;
  TF_RETURN_IF_ERROR(bundle.GetSession()->Run(feeds, fetches, {}, &outputs));
  for (size_t place = 0; place < names.size(); ++place) {
    outputs[place].AsProtoTensorContent((*response->mutable_attr())[names[place]].mutable_tensor());
  }
  return absl::OkStatus();
}

absl::Status AnswerAll(const std::string& model, const std::string& requests,
                       const std::string& responses) {
  tensorflow::SavedModelBundle bundle;
  TF_RETURN_IF_ERROR(
      tensorflow::LoadSavedModel({}, {}, model, {"serve"}, &bundle));
  std::unique_ptr<tensorflow::RandomAccessFile> source;
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewRandomAccessFile(requests, &source));
  std::unique_ptr<tensorflow::WritableFile> target;
  TF_RETURN_IF_ERROR(tensorflow::Env::Default()->NewWritableFile(responses, &target));
  tensorflow::io::SequentialRecordReader reader(source.get());
  tensorflow::io::RecordWriter writer(target.get());
  tensorflow::tstring record;
  absl::Status status;
  while ((status = reader.ReadRecord(&record)).ok()) {
    Call request, response;
    request.ParseFromArray(record.data(), record.size());
    response.set_name(std::string(Run(bundle, request, &response).message()));
    TF_RETURN_IF_ERROR(writer.WriteRecord(response.SerializeAsString()));
  }
  TF_RETURN_IF_ERROR(writer.Close());
  TF_RETURN_IF_ERROR(target->Close());
  return absl::IsOutOfRange(status) ? absl::OkStatus() : status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "Expected MODEL REQUESTS RESPONSES. Received: " << argc - 1 << " arguments\n";
    return 2;
  }
  // As TensorFlow Serving does: what needs XLA must fail here as it does there.
  tensorflow::DisableXlaCompilation();
  const absl::Status status = AnswerAll(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
