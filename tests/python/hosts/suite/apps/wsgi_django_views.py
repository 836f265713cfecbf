"""The views of wsgi_django.py: plain ones, and those of the Django REST framework."""

import time

from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.wsgi_verifier import VERIFIER
from fastbearer.wsgi import BearerAuthentication, get_access_token, require_scopes


def who(request):
    token = get_access_token()
    same = token is request.META["fastbearer.access_token"]
    return JsonResponse({"subject": token.subject, "scopes": token.scopes, "same": same})


def health(request):
    return JsonResponse({"token": get_access_token() is not None})


@require_scopes("reports:write", "reports:read")
def write_report(request):
    return JsonResponse({"written": True})


class Reports(View):
    @require_scopes("reports:write", "reports:read")
    def post(self, request):
        return JsonResponse({"written": True})


@method_decorator(require_scopes("reports:write", "reports:read"), name="dispatch")
class DecoratedReports(View):
    def post(self, request):
        return JsonResponse({"written": True})


def stream(request):
    def lines():
        for number in range(3):
            time.sleep(0.05)
            yield f"{number};{get_access_token().subject}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


# ---- the REST framework, behind the middleware


class RestWho(APIView):
    def get(self, request):
        return Response({"subject": request.user.identity, "scopes": request.auth.scopes, "pk": request.user.pk})

    @require_scopes("reports:write", "reports:read")
    def post(self, request):
        return Response({"written": True})


# ---- and alone


class Bearer(BearerAuthentication):
    verifier = VERIFIER
    required_scopes = ("api",)
    realm = "rest"


@api_view(["GET"])
@authentication_classes([Bearer])
def alone(request):
    return Response({"subject": request.user.identity})


@api_view(["GET"])
@authentication_classes([Bearer])
@permission_classes([AllowAny])
def optional(request):
    return Response({"subject": request.auth and request.auth.subject})


@api_view(["POST"])
@authentication_classes([Bearer])
@permission_classes([AllowAny])
@require_scopes("reports:write", "reports:read")
def alone_reports(request):
    return Response({"written": True})


urlpatterns = [
    path("who", who),
    path("health", health),
    path("reports", write_report),
    path("reports/class", Reports.as_view()),
    path("reports/decorated", DecoratedReports.as_view()),
    path("stream", stream),
    path("rest", RestWho.as_view()),
    path("alone", alone),
    path("alone/optional", optional),
    path("alone/reports", alone_reports),
]
