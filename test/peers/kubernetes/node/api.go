package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"peers/kubernetes/objects"
)

// api serves the objects of a store: GET of one, PUT of its status, POST into a collection. Clients may send protobuf, as
// Multus does; answers are JSON, which every client takes.
type api struct {
	store objects.Store
	token string
}

func (a api) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	log.Printf("%s %s", request.Method, request.URL)
	if request.Header.Get("Authorization") != "Bearer "+a.token {
		refuse(response, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "no valid token")
		return
	}
	target := path.Clean(request.URL.Path)
	switch request.Method {
	case http.MethodGet:
		a.get(response, target)
	case http.MethodPut:
		a.put(response, request, strings.TrimSuffix(target, "/status"))
	case http.MethodPost:
		a.post(response, request, target)
	default:
		refuse(response, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, request.Method+" is not served")
	}
}

func (a api) get(response http.ResponseWriter, target string) {
	content, err := os.ReadFile(a.store.File(target))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// With the words of Kubernetes, as callers look for them.
		kind := strings.TrimSuffix(path.Base(path.Dir(target)), "s")
		refuse(response, http.StatusNotFound, metav1.StatusReasonNotFound, kind+` "`+path.Base(target)+`" not found`)
	case err != nil:
		refuse(response, http.StatusInternalServerError, metav1.StatusReasonInternalError, err.Error())
	default:
		answer(response, http.StatusOK, content)
	}
}

func (a api) put(response http.ResponseWriter, request *http.Request, target string) {
	if _, err := os.Stat(a.store.File(target)); err != nil {
		a.get(response, target)
		return
	}
	a.save(response, request, http.StatusOK, func(metav1.Object) string { return target })
}

func (a api) post(response http.ResponseWriter, request *http.Request, target string) {
	a.save(response, request, http.StatusCreated, func(object metav1.Object) string {
		return path.Join(target, object.GetName())
	})
}

func (a api) save(response http.ResponseWriter, request *http.Request, code int, place func(metav1.Object) string) {
	content, target, err := decode(request.Body, place)
	if err == nil {
		err = a.store.Write(target, content)
	}
	if err != nil {
		refuse(response, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	answer(response, code, content)
}

// decode makes JSON of an object in protobuf or JSON.
func decode(body io.Reader, place func(metav1.Object) string) ([]byte, string, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, "", err
	}
	object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
	if err != nil {
		return nil, "", err
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	named, ok := runtime.Object(object).(metav1.Object)
	if !ok {
		return nil, "", errors.New("an object without a name: " + kind.String())
	}
	content, err := json.Marshal(object)
	return content, place(named), err
}

func refuse(response http.ResponseWriter, code int32, reason metav1.StatusReason, message string) {
	content, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure,
		Code:     code,
		Reason:   reason,
		Message:  message,
	})
	if err != nil {
		log.Panic(err)
	}
	answer(response, int(code), content)
}

func answer(response http.ResponseWriter, code int, content []byte) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(code)
	if _, err := response.Write(content); err != nil {
		log.Print(err)
	}
}
