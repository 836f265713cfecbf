"""The Django application, with Django REST framework views, that test_wsgi_servers.py runs under gunicorn."""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from apps.wsgi_verifier import OPTIONS, VERIFIER
from fastbearer.wsgi import BearerAuthMiddleware

settings.configure(
    ROOT_URLCONF="apps.wsgi_django_views",
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="s",
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["fastbearer.wsgi.BearerAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"user": "1000/minute"},
        "UNAUTHENTICATED_USER": None,
    },
    LOGGING_CONFIG=None,
)
django.setup()

unguarded = get_wsgi_application()
app = BearerAuthMiddleware(unguarded, verifier=VERIFIER, **OPTIONS)
